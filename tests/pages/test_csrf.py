"""Forms of other sites are refused."""

import pytest

from ingest.pages.csrf import is_genuine, make_token

SECRET = "a secret"
TOKEN = make_token(SECRET, "ada")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://airflow.org", "Host": "airflow:8090"},
        {"Origin": "http://airflow:8090", "Host": "airflow:8090"},
        {"Host": "airflow:8090"},
    ],
)
def test_a_form_of_a_page_is_genuine(headers: dict[str, str]):
    assert is_genuine(headers, TOKEN, TOKEN)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, TOKEN),
        ({"Sec-Fetch-Site": "same-site"}, TOKEN),
        ({"Origin": "https://evil.org", "Host": "airflow:8090"}, TOKEN),
        ({"Origin": "null", "Host": "airflow:8090"}, TOKEN),
        ({"Sec-Fetch-Site": "same-origin"}, ""),
        ({"Sec-Fetch-Site": "same-origin"}, "é"),
        ({"Sec-Fetch-Site": "same-origin"}, make_token(SECRET, "bob")),
        ({"Sec-Fetch-Site": "same-origin"}, make_token("another secret", "ada")),
    ],
)
def test_any_other_form_is_refused(headers: dict[str, str], token: str):
    assert not is_genuine(headers, token, TOKEN)
