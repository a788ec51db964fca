"""`GET /get_state`: its addresses, keys and errors."""

from collections.abc import Callable

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from ingest.settings.loading import Settings
from tests.api.live_server import Server
from tests.api.routes.states import state


def test_a_job_id_in_the_path_is_accepted(client: FlaskClient, job_id: int) -> None:
    assert client.get(f"/get_state/{job_id}").get_json() == state(client, job_id)


def test_the_keys_are_the_documented_ones(client: FlaskClient, job_id: int) -> None:
    assert state(client, job_id).keys() == {
        "job_id", "state", "task", "task_percent", "updated", "created", "exception", "complete"
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/get_state", "/get_state?job_id=", "/get_state?job_id=abc", "/get_state/1.5"])
def test_a_job_id_that_is_missing_or_not_an_integer(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert (answer.get_json()["status"], answer.get_json()["code"]) == ("400 Bad Request", "job_id_invalid")


@pytest.mark.parametrize("job_id", [999999999999, 2**63, 10**90, -1])
def test_an_unknown_job(client: FlaskClient, job_id: int) -> None:
    answer = client.get(f"/get_state?job_id={job_id}")
    assert answer.status_code == 404
    message = f"job ID {job_id} does not exist."
    assert answer.get_json() == {"status": "404 Not Found", "code": "job_unknown", "message": message}


def test_the_database_is_unavailable(settings: Settings, make_app: Callable[..., Flask]) -> None:
    unavailable = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    answer = make_app(unavailable).test_client().get("/get_state?job_id=1")
    assert answer.status_code == 503
    assert "database of jobs" in answer.get_json()["message"]


def test_the_root_says_that_the_service_is_up(server: Server) -> None:
    answer = requests.get(f"{server.url}/", timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"message": "Pacifica Ingest Up and Running"})
