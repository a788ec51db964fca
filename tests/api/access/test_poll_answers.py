"""Polls, which share a thread, are answered to every caller as the same request in a thread of its own."""

from collections.abc import Iterator

import pytest
import requests

from tests.api.access.callers import (
    ADMIN,
    HEADER,
    OPERATOR,
    TRUSTED,
    UPLOADER,
    AccessServer,
    Caller,
    proxy_settings,
    serving,
)

PROBLEM = "application/problem+json"
CALLERS = {
    "owner": Caller({HEADER: UPLOADER}, TRUSTED),
    "operator": Caller({HEADER: OPERATOR}, TRUSTED),
    "admin": Caller({HEADER: ADMIN}, TRUSTED),
    "another uploader": Caller({HEADER: "ulf"}, TRUSTED),
    "another uploader, RFC 9457": Caller({HEADER: "ulf", "Accept": PROBLEM}, TRUSTED),
    "no user": Caller({}, TRUSTED),
    "a name that is not valid": Caller({HEADER: "a,b"}, TRUSTED),
    "not the proxy": Caller({HEADER: UPLOADER}),
    "malformed host": Caller({HEADER: UPLOADER, "Host": "a b"}, TRUSTED),
    "a page of another site": Caller({HEADER: UPLOADER, "Origin": "http://elsewhere.example.org"}, TRUSTED),
    "connection: close": Caller({HEADER: UPLOADER, "Connection": "close"}, TRUSTED),
}


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessServer]:
    with serving(tmp_path_factory.mktemp("polls"), database_url, proxy_settings()) as server:
        yield server


@pytest.fixture(scope="module")
def job(server: AccessServer) -> int:
    return int(CALLERS["owner"].request(server, "POST", "/upload", data=b"x").json()["job_id"])


def shown(answer: requests.Response) -> tuple[int, str, dict[str, str]]:
    """Return status, body and headers of an answer, without the time."""
    headers = {name: value for name, value in answer.headers.items() if name != "Date"}
    return answer.status_code, answer.text, headers


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("is_known", [True, False])
def test_a_poll_is_answered_as_any_other_request(server: AccessServer, job: int, name: str, is_known: bool) -> None:
    wanted = job if is_known else 900_000_000
    # An empty further parameter has no effect, but keeps the request from being recognized as a poll.
    shared, own = (CALLERS[name].request(server, "GET", f"/get_state?job_id={wanted}{end}") for end in ("", "&"))
    assert shown(shared) == shown(own)
    expected = {"owner", "operator", "admin", "a page of another site", "connection: close"} if is_known else set()
    assert (shared.status_code == 200) is (name in expected)
