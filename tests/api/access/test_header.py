"""`none` and `open`: the header is trusted, with `none` from this machine only."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.resources import resources_of
from ingest.ledger import jobs
from ingest.settings.loading import Settings

HEADER = "X-Http-Authed-User"
ELSEWHERE = ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1", "", "unix:"]


@pytest.fixture(params=["none", "open"])
def app(request: pytest.FixtureRequest, settings: Settings, make_app: Callable[..., Flask]) -> Flask:
    # Roles have no effect without authentication.
    return make_app(
        settings.model_copy(update={"authentication": request.param, "operators": ("olga",), "default_user": "nobody"})
    )


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def post(client: FlaskClient, headers: Mapping[str, str]) -> int:
    answer = client.post("/upload", data=b"x", headers=dict(headers), content_type="application/octet-stream")
    assert answer.status_code == 200, answer.text
    return int(answer.get_json()["job_id"])


@pytest.mark.parametrize(
    ("headers", "user"),
    [({}, "nobody"), ({HEADER: " "}, "nobody"), ({HEADER: "ada"}, "ada"), ({HEADER: "CN=ada,O=x"}, "CN=ada,O=x")],
)
def test_header_names_the_user_and_without_it_the_default_user_applies(
    app: Flask, client: FlaskClient, headers: Mapping[str, str], user: str
):
    job = post(client, headers)
    assert jobs.read(resources_of(app).engine, job).received.user == user


def test_roles_do_not_apply(client: FlaskClient):
    job = post(client, {HEADER: "olga"})
    assert client.get(f"/get_state/{job}", headers={HEADER: "ada"}).status_code == 200


@pytest.mark.parametrize("name", ["a\x85b", "müller".encode("latin-1").decode("latin-1"), "a" * 256])
def test_name_that_could_forge_a_line_is_refused(client: FlaskClient, name: str):
    answer = client.post("/upload", data=b"x", headers={HEADER: name})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "user_name_invalid")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_admitted(client: FlaskClient, address: str):
    assert client.get("/get_state/999999999", environ_base={"REMOTE_ADDR": address}).status_code == 404


@pytest.mark.parametrize("address", ELSEWHERE)
def test_other_machines_are_admitted_with_open_only(app: Flask, client: FlaskClient, address: str):
    answer = client.get(
        "/get_state/999999999", environ_base={"REMOTE_ADDR": address}, headers={"X-Forwarded-For": "127.0.0.1"}
    )
    if resources_of(app).settings.authentication == "open":
        assert answer.status_code == 404
    else:
        assert (answer.status_code, answer.get_json()["code"]) == (403, "caller_not_trusted")


@pytest.mark.parametrize("address", ELSEWHERE)
def test_other_machines_may_check_whether_the_service_is_up(client: FlaskClient, address: str):
    assert client.get("/", environ_base={"REMOTE_ADDR": address}).status_code == 200
