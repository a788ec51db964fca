"""The identity of callers: which user a request is recorded for, and which credentials are refused."""

import base64
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from ingest.access import token_file
from tests.api.access.callers import (
    ADMIN,
    HEADER,
    PROXY_CALLERS,
    TOKEN_CALLERS,
    TRUSTED,
    UPLOADER,
    AccessServer,
    Caller,
    Tokens,
    bearer,
    make_tokens,
    serving,
    token_settings,
)
from tools.waiting import wait_until


@pytest.mark.parametrize("path", ["/get_state?job_id={}", "/get_state/{}"])
def test_jobs_of_others_and_of_the_original_service_are_answered_exactly_as_unknown_jobs(
    proxy_server: AccessServer, jobs: Mapping[str, str], path: str
):
    _, uploader = PROXY_CALLERS["uploader, proxy"]
    answers = []
    for kind in ("another's", "original's", "unknown"):
        answer = uploader.request(proxy_server, "GET", path.format(jobs[kind]))
        document = answer.json()
        assert document["message"] == f"job ID {jobs[kind]} does not exist."
        # The names only: Content-Length depends on the number.
        named = {name for name, _ in answer.headers.items()}
        answers.append((answer.status_code, document["status"], document["code"], document.keys(), named))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("name", ["uploader, static token", "uploader, password", "uploader, issuer"])
def test_job_is_recorded_for_the_user_that_the_token_proves(token_server: AccessServer, tokens: Tokens, name: str):
    caller = TOKEN_CALLERS[name][1](tokens)
    named = Caller({**caller.headers, HEADER: ADMIN})
    job = named.request(token_server, "POST", "/upload", data=b"x").json()["job_id"]
    assert token_server.rows()[job]["user"] == UPLOADER
    assert caller.request(token_server, "GET", f"/get_state/{job}").json()["job_id"] == job


@pytest.mark.parametrize("name", ["müller", "日本", "Voilà", "CN=Å"])
def test_job_is_recorded_for_the_user_that_the_proxy_names(proxy_server: AccessServer, name: str):
    caller = Caller({HEADER: name.encode()}, TRUSTED)
    job = caller.request(proxy_server, "POST", "/upload", data=b"x").json()["job_id"]
    assert proxy_server.rows()[job]["user"] == name


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_name_beside_a_token_is_accepted_in_both_charsets_of_clients(token_server: AccessServer, charset: str):
    token = token_file.add(token_server.log.parent / "tokens.json", "Voilà")
    credentials = base64.b64encode(f"Voilà:{token}".encode(charset)).decode()
    answer = Caller({"Authorization": f"Basic {credentials}"}).request(token_server, "POST", "/upload", data=b"x")
    assert token_server.rows()[answer.json()["job_id"]]["user"] == "Voilà"


@pytest.mark.parametrize(
    "header",
    [b"", b"Bearer", b"Bearer ", b"Basic", b"Basic x", b"Basic eA==", b"Basic \xe9", b"Digest x", b"Bearer a, Bearer b",
     b"Negotiate x", b"Bearer ingest_", b"Bearer ingest_00000000_", b"Bearer \xc3\xa9.\xc3\xa9.\xc3\xa9"],
)  # fmt: skip
def test_malformed_authorization_is_401(token_server: AccessServer, header: bytes):
    answer = Caller({"Authorization": header}).request(token_server, "GET", "/get_state/1")
    assert (answer.status_code, answer.json()["code"] in {"not_authenticated", "token_invalid"}) == (401, True)


def test_removed_token_is_refused_and_a_new_one_accepted_without_a_restart(token_server: AccessServer):
    file = token_server.log.parent / "tokens.json"
    token = token_file.add(file, "ute")
    assert bearer(token).request(token_server, "POST", "/upload", data=b"x").status_code == 200
    token_file.remove(file, lambda each: each.user == "ute")
    assert bearer(token).request(token_server, "POST", "/upload", data=b"x").status_code == 401


@pytest.mark.parametrize("size", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
def test_upload_that_is_refused_is_answered_before_its_body_is_sent(token_server: AccessServer, size: bytes):
    before = token_server.files()
    with token_server.connect() as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" + size + b"\r\n\r\n")
        # A server may send the 100 before it refuses.
        status = connection.makefile("rb").read(len(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 "))
    assert status.endswith(b" 401 ") or status.startswith(b"HTTP/1.1 401 "), status
    assert token_server.files() == before


def send(server: AccessServer, headers: bytes) -> bytes:
    """Send raw headers from the address of the trusted proxy."""
    with socket.create_connection(server.address, timeout=30, source_address=(TRUSTED, 0)) as connection:
        connection.sendall(b"GET /get_state/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        (b"X-Http-Authed-User: ursula\r\nX-Http-Authed-User: adam\r\n", b"400", b"was sent twice"),
        (b"X-Http-Authed-User: ursula, adam\r\n", b"400", b"was sent twice"),
        (b"X-Http-Authed-User: ursula\r\nx-http-authed-user: ursula\r\n", b"400", b"was sent twice"),
        (b"X-Http-Authed-User: m\xfcller\r\n", b"400", b"is not UTF-8"),
        (b"X-Http-Authed-User: a\xc2\x85b\r\n", b"400", b"cannot be printed"),
        (b"X-Http-Authed-User: a\xe2\x80\xaeb\r\n", b"400", b"cannot be printed"),
        (b"X-Http-Authed-User: " + b"a" * 256 + b"\r\n", b"400", b"longer than 255"),
        (b"X-Http-Authed-User: a\x00b\r\n", b"400", b""),
        # A server that maps both names to one variable would confuse them.
        (b"X_Http_Authed_User: adam\r\n", b"401", b"has not set"),
        (b"X-Http_Authed-User: adam\r\n", b"401", b"has not set"),
    ],
)
def test_ambiguous_header_is_refused(proxy_server: AccessServer, headers: bytes, status: bytes, expected: bytes):
    answer = send(proxy_server, headers)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert expected in answer


def test_log_has_the_refused_request_and_the_reason_but_no_token(database_url: str, tmp_path: Path):
    # A server of its own: refusals of other tests would be summarized with this one.
    with serving(tmp_path, database_url, token_settings(tmp_path)) as server:
        tokens = make_tokens(tmp_path / "tokens.json")
        wrong = bearer(f"{tokens[ADMIN]}x")
        assert wrong.request(server, "GET", "/get_state/1").status_code == 401
        wait_until(lambda: "token_invalid" in server.log_text(), 30, server.log_text)
        assert "GET of state.get_state_of from 127.0.0.1 refused: token_invalid" in server.log_text()
        secrets = [token.rpartition("_")[2] for token in tokens.values()]
        assert not [secret for secret in (*secrets, "eyJ", "Basic") if secret in server.log_text()]
