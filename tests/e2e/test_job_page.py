"""The page of one job inside Airflow on the real stack: roles, parts, actions, and another bundle for a rejected job."""

import re
import socket
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import Engine

from ingest.pages.csrf import TOKEN_HEADER
from ingest.pages.headers import PAGE_HEADERS
from tests.archive_outage import ArchiveOutage
from tests.e2e.airflow_login import COOKIE, ROLES, Login, log_in
from tests.e2e.test_retries import fail_at_ingest_files
from tools.bundles import make_bundle
from tools.stack import TIMEOUT_SECONDS, Stack
from tools.stack_contents import events
from tools.waiting import wait_until

PARTS = ("", "/files", "/files?path=a&state=pending", "/events", "/metadata")
CHANGES = ("/retry", "/cancel", "/bundle")
MAY_CHANGE = ("user", "op", "admin")
TOKEN = re.compile(r'(?:name="csrf_token" value|data-token)="([0-9a-f]{64})"')


@pytest.fixture
def admin(stack: Stack) -> Login:
    return log_in(stack, "admin")


@pytest.fixture(scope="module")
def rejected(stack: Stack) -> int:
    """Return a job whose bundle is not a tar."""
    job = stack.post(b"not a tar" * 300)
    assert stack.wait_for_end(job)["state"] == "FAILED"
    return job


def csrf_token(login: Login, job: int) -> str:
    found = TOKEN.search(login.get(f"jobs/{job}/retry").text)
    assert found
    return found[1]


def change(login: Login, job: int, action: str, token: str, **headers: str) -> requests.Response:
    return login.post(f"jobs/{job}/{action}", {"csrf_token": token}, **headers)


def send_bundle(login: Login, job: int, body: bytes, token: str) -> requests.Response:
    address = f"{login.stack.airflow}/ingest-view/jobs/{job}/bundle"
    cookies = {COOKIE: login.token} if login.token else {}
    headers = {TOKEN_HEADER: token}
    return requests.post(address, data=body, headers=headers, cookies=cookies, timeout=TIMEOUT_SECONDS)


def test_without_a_login_nothing_is_shown_or_changed(stack: Stack, ledger: Engine, rejected: int, admin: Login):
    nobody, before = Login(stack, None), events(ledger, rejected)
    for part in (*PARTS, *CHANGES):
        answer = nobody.get(f"jobs/{rejected}{part}")
        assert (answer.status_code, "bundle_invalid" in answer.text) == (401, False)
    assert nobody.get(f"runs/job-{rejected}").status_code == 401
    token = csrf_token(admin, rejected)
    assert [change(nobody, rejected, action, token).status_code for action in ("retry", "cancel")] == [401] * 2
    assert send_bundle(nobody, rejected, b"new", token).status_code == 401
    assert events(ledger, rejected) == before


@pytest.mark.parametrize("role", ROLES)
def test_who_may_read_runs_sees_every_part(stack: Stack, rejected: int, role: str):
    login = log_in(stack, role)
    for part in PARTS:
        answer = login.get(f"jobs/{rejected}{part}")
        assert answer.status_code == 200, answer.text
        assert {name: answer.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    page = login.get(f"runs/job-{rejected}").text
    assert "the bundle is not a tar" in page
    assert all((f"jobs/{rejected}{link}" in page) == (role in MAY_CHANGE) for link in CHANGES)


def test_a_viewer_may_change_nothing(stack: Stack, ledger: Engine, rejected: int, admin: Login):
    viewer, before = log_in(stack, "viewer"), events(ledger, rejected)
    assert [viewer.get(f"jobs/{rejected}{part}").status_code for part in CHANGES] == [403] * 3
    token = csrf_token(admin, rejected)
    assert [change(viewer, rejected, action, token).status_code for action in ("retry", "cancel")] == [403] * 2
    assert send_bundle(viewer, rejected, b"new", token).status_code == 403
    assert events(ledger, rejected) == before


def test_forms_of_other_sites_change_nothing(stack: Stack, ledger: Engine, rejected: int, admin: Login):
    token, before = csrf_token(admin, rejected), events(ledger, rejected)
    for action in ("retry", "cancel"):
        answers = [
            change(admin, rejected, action, token, Sec_Fetch_Site="cross-site"),
            change(admin, rejected, action, token, Origin="https://evil.example"),
            change(admin, rejected, action, "0" * 64),
        ]
        assert [answer.status_code for answer in answers] == [403] * 3
    assert send_bundle(admin, rejected, b"new", "0" * 64).status_code == 403
    assert events(ledger, rejected) == before


def test_addresses_of_no_job_are_answered_with_a_page(admin: Login):
    expected = {
        "jobs/999999999": 404,
        "jobs/9223372036854775808/files": 404,
        "jobs/x": 404,
        "runs/job-999999999": 404,
        "runs/manual__2026-11-30": 200,
        f"jobs/{'9' * 5000}/events": 404,
    }
    assert {path: admin.get(path).status_code for path in expected} == expected
    assert "job ID 999999999 does not exist." in admin.get("jobs/999999999").text
    assert "This run processes no job" in admin.get("runs/manual__2026-11-30").text


def test_failed_job_is_understood_retried_and_seen_to_complete(
    stack: Stack, ledger: Engine, archive_outage: ArchiveOutage, admin: Login
):
    job = fail_at_ingest_files(stack, archive_outage)
    page = admin.get(f"runs/job-{job}").text
    assert "Why it failed" in page
    assert "repair the service" in page
    token = csrf_token(admin, job)
    answer = change(admin, job, "retry", token)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"../../jobs/{job}")
    wait_until(
        lambda: "The archive holds all files" in admin.get(f"jobs/{job}").text, 300, lambda: str(stack.state(job))
    )
    assert events(ledger, job).count("retry") == 1
    assert change(admin, job, "retry", token).status_code == 409


def test_cancellation_may_be_repeated(stack: Stack, ledger: Engine, archive_outage: ArchiveOutage, admin: Login):
    with archive_outage.unavailable():
        job = stack.post(make_bundle())
        stack.wait(job, lambda state: bool(state["exception"]))
        token = csrf_token(admin, job)
        assert [change(admin, job, "cancel", token).status_code for _ in range(2)] == [303] * 2
    assert events(ledger, job).count("canceled") == 1
    assert "canceled" in admin.get(f"jobs/{job}").text


def test_bundle_whose_connection_breaks_leaves_nothing(stack: Stack, ledger: Engine, rejected: int, admin: Login):
    token, before = csrf_token(admin, rejected), events(ledger, rejected)
    spool = stack.home / "spool"
    names = {path.name for path in spool.iterdir()}
    head = f"POST /ingest-view/jobs/{rejected}/bundle HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={admin.token}\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(stack.airflow).port or 0)) as connection:
        connection.sendall(f"{head}{TOKEN_HEADER}: {token}\r\nContent-Length: 1000\r\n\r\npart".encode())
        wait_until(lambda: {path.name for path in spool.iterdir()} != names, 30, lambda: "nothing is received")
    wait_until(lambda: events(ledger, rejected) != before, 30, lambda: "the upload does not end")
    assert events(ledger, rejected) == [*before, "upload_refused"]
    assert {path.name for path in spool.iterdir()} == names
    assert stack.state(rejected)["exception"].startswith("bundle_invalid")


def test_another_bundle_runs_as_a_rejected_job(stack: Stack, ledger: Engine, admin: Login):
    job = stack.post(b"not a tar" * 300)
    stack.wait_for_end(job)
    token = csrf_token(admin, job)
    refused = send_bundle(admin, job, b"", token)
    assert (refused.status_code, "nothing was sent" in refused.text) == (400, True)
    answer = send_bundle(admin, job, make_bundle(), token)
    assert (answer.status_code, answer.text) == (204, "")
    assert stack.wait_for_end(job)["state"] == "OK"
    assert "bundle_replaced" in events(ledger, job)
    assert " by admin" in admin.get(f"jobs/{job}/events").text
    again = send_bundle(admin, job, make_bundle(), token)
    assert (again.status_code, "only a failed job gets another bundle" in again.text) == (409, True)
