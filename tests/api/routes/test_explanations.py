"""`GET /errors/<code>`, and errors in the form of RFC 9457."""

import pytest
from flask.testing import FlaskClient

from ingest.errors.fault_codes import FaultCode

PROBLEM = {"Accept": "application/problem+json"}


@pytest.mark.parametrize("code", ["job_unknown", FaultCode.MEMBER_IS_LINK, "upload_offset_mismatch"])
def test_a_code_is_explained(client: FlaskClient, code: str) -> None:
    document = client.get(f"/errors/{code}").get_json()
    assert document.keys() == {"code", "explanation", "who_acts", "what_to_do"}
    assert document["code"] == code
    assert set(document["who_acts"]) <= {"uploader", "facility", "admin", "nobody"}
    # Links of the page would mean nothing here.
    assert "](" not in document["what_to_do"]


def test_an_unknown_code_is_not_found(client: FlaskClient) -> None:
    assert client.get("/errors/nothing").get_json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [("/jobs/1999999", "job_unknown", 404), ("/jobs?x=1", "parameters_invalid", 400), ("/no", "not_found", 404)],
)
def test_a_client_that_accepts_problems_gets_them(client: FlaskClient, path: str, code: str, status: int) -> None:
    answer = client.get(path, headers={"Accept": "application/json, application/problem+json;q=0.5"})
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    problem = answer.get_json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/errors/{code}")
    assert problem["detail"] == client.get(path).get_json()["message"]
    assert client.get(problem["type"]).get_json()["explanation"] == problem["title"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json;q=0, */*"])
def test_other_clients_get_the_usual_form(client: FlaskClient, accept: str) -> None:
    answer = client.get("/jobs/1999999", headers={"Accept": accept})
    assert answer.content_type == "application/json"
    assert answer.get_json().keys() == {"status", "code", "message"}


def test_errors_of_methods_and_unexpected_ones_too(client: FlaskClient) -> None:
    answer = client.delete("/jobs", headers=PROBLEM)
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]
