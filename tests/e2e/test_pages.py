"""The pages inside Airflow on the real stack: roles, calls, forms of other sites, and a selection that is retried."""

import re

import pytest
import requests
from sqlalchemy import Engine

from ingest.pages.csrf import LARGEST_FORM
from ingest.pages.headers import PAGE_HEADERS
from ingest.pages.static_files import versioned_name
from tests.archive_outage import ArchiveOutage
from tests.e2e.airflow_login import ROLES, Login, log_in
from tests.e2e.test_retries import fail_at_ingest_files
from tools.bundles import make_bundle
from tools.stack import TIMEOUT_SECONDS, Stack
from tools.stack_contents import events
from tools.waiting import wait_until

PAGES = ("jobs", "jobs?state=failed&q=a", "dags/ingest", "dags/move", "dags/housekeeping")
MAY_CHANGE = ("user", "op", "admin")
TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


@pytest.fixture
def admin(stack: Stack) -> Login:
    return log_in(stack, "admin")


@pytest.fixture(scope="module")
def refused_job(stack: Stack) -> int:
    """Return a job that failed because its bundle is not a tar."""
    job = stack.post(b"not a tar" * 300)
    assert stack.wait_for_end(job)["state"] == "FAILED"
    return job


def csrf_token(login: Login) -> str:
    found = TOKEN.search(login.get("jobs/confirm?action=retry").text)
    assert found
    return found[1]


def retry(login: Login, *jobs: int, token: str | None = None, **headers: str) -> requests.Response:
    return login.post("jobs/retry", {"csrf_token": token or csrf_token(login), "job": jobs}, **headers)


def test_airflow_shows_the_pages_in_its_navigation_and_as_tabs(stack: Stack):
    plugins = {plugin["name"]: plugin for plugin in stack.request_airflow("GET", "/plugins")["plugins"]}
    views = plugins["pacifica_ingest"]["external_views"]
    assert {(view["name"], view["destination"]) for view in views} == {
        ("Ingest", "nav"),
        ("Bundle", "dag_run"),
        ("Jobs", "dag"),
    }
    assert all(not view["href"].startswith("/") for view in views)


@pytest.mark.parametrize("path", PAGES)
def test_without_a_login_nothing_is_shown(stack: Stack, refused_job: int, path: str):
    answer = Login(stack, None).get(path)
    assert answer.status_code == 401
    assert "Log in, then open this page again." in answer.text
    assert "bundle_invalid" not in answer.text


def test_without_a_login_and_with_a_foreign_token_nothing_is_changed(stack: Stack, refused_job: int):
    for login, status in ((Login(stack, None), 401), (Login(stack, "a.b.c"), 403)):
        assert login.get("jobs/confirm?action=retry").status_code == status
        assert retry(login, refused_job, token="0" * 64).status_code == status


@pytest.mark.parametrize("role", ROLES)
def test_who_may_read_runs_sees_the_pages(stack: Stack, refused_job: int, role: str):
    login = log_in(stack, role)
    for path in PAGES:
        answer = login.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert {name: answer.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert "the bundle is not a tar" in login.get("jobs?code=bundle_invalid").text
    assert "This DAG processes no jobs" in login.get("dags/housekeeping").text
    assert ("Retry selected jobs" in login.get("jobs").text) == (role in MAY_CHANGE)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_read_runs_exports_the_lists(stack: Stack, refused_job: int, role: str):
    login = log_in(stack, role)
    for path, content in (
        ("jobs.csv?code=bundle_invalid", "the bundle is not a tar"),
        (f"jobs/{refused_job}/files.csv", "path,bytes,state"),
    ):
        answer = login.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert content in answer.text
        assert Login(stack, None).get(path).status_code == 401
    assert "state cannot be read" in login.get("jobs.csv?state=lost").text


def test_large_forms_are_refused(ledger: Engine, refused_job: int, admin: Login):
    before = events(ledger, refused_job)
    for path in ("jobs/retry", f"jobs/{refused_job}/retry"):
        form = {"csrf_token": csrf_token(admin), "job": refused_job, "more": "x" * LARGEST_FORM}
        assert admin.post(path, form).status_code == 413
    assert events(ledger, refused_job) == before


@pytest.mark.parametrize("role", MAY_CHANGE)
def test_who_may_change_runs_may_retry(stack: Stack, ledger: Engine, refused_job: int, role: str):
    login = log_in(stack, role)
    confirmation = login.get(f"jobs/confirm?action=retry&job={refused_job}")
    assert "Retry 1 job?" in confirmation.text
    before = events(ledger, refused_job).count("retry")
    answer = retry(login, refused_job)
    assert (answer.status_code, "Retried 1 of 1 job" in answer.text) == (200, True)
    assert events(ledger, refused_job).count("retry") == before + 1
    stack.wait_for_end(refused_job)


def test_a_viewer_may_change_nothing(stack: Stack, ledger: Engine, refused_job: int, admin: Login):
    viewer = log_in(stack, "viewer")
    assert viewer.get(f"jobs/confirm?action=retry&job={refused_job}").status_code == 403
    before = events(ledger, refused_job)
    answer = retry(viewer, refused_job, token=csrf_token(admin))
    assert (answer.status_code, "Your account may not do this" in answer.text) == (403, True)
    assert events(ledger, refused_job) == before


def test_forms_of_other_sites_and_of_other_accounts_change_nothing(
    stack: Stack, ledger: Engine, refused_job: int, admin: Login
):
    before = events(ledger, refused_job)
    answers = [
        retry(admin, refused_job, Sec_Fetch_Site="cross-site"),
        retry(admin, refused_job, Origin="https://evil.example"),
        retry(admin, refused_job, token="0" * 64),
        retry(admin, refused_job, token=csrf_token(log_in(stack, "user"))),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert all("comes from another site" in answer.text for answer in answers)
    assert events(ledger, refused_job) == before


def test_bad_input_is_answered_with_a_page(admin: Login):
    expected = {
        "jobs?state=lost": 200,
        "jobs/confirm?action=delete": 400,
        "jobs/confirm?action=retry&job=x": 400,
        "nothing/here": 404,
        "static/nothing.js": 404,
        "jobs/retry": 404,
    }
    assert {path: admin.get(path).status_code for path in expected} == expected
    assert "Traceback" not in admin.get("jobs/confirm?action=delete").text


def test_static_files_need_no_login(stack: Stack):
    answer = Login(stack, None).get(f"static/{versioned_name('style.css')}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["Cache-Control"]


def test_selected_jobs_are_canceled_and_retried(
    stack: Stack, ledger: Engine, archive_outage: ArchiveOutage, admin: Login
):
    failed = fail_at_ingest_files(stack, archive_outage)
    complete = stack.post(make_bundle())
    stack.wait_for_end(complete)
    shown = retry(admin, failed, complete).text
    assert "Retried 1 of 2 jobs" in shown
    assert "It is complete." in shown
    assert stack.wait(failed, lambda state: state["complete"] and state["state"] == "OK")
    with archive_outage.unavailable():
        waiting = stack.post(make_bundle())
        stack.wait(waiting, lambda state: bool(state["exception"]))
        form = {"csrf_token": csrf_token(admin), "job": [waiting, complete]}
        assert "Canceled 1 of 2 jobs" in admin.post("jobs/cancel", form).text
        assert "by an admin" in stack.state(waiting)["exception"]
    assert "canceled" in events(ledger, waiting)


def test_the_note_of_a_run_is_the_sentence_of_the_error_until_the_job_is_complete(
    stack: Stack, archive_outage: ArchiveOutage, refused_job: int
):
    def note(job: int) -> str | None:
        found: str | None = stack.request_airflow("GET", f"/dags/ingest/dagRuns/job-{job}")["note"]
        return found

    sentence = stack.state(refused_job)["exception"]
    wait_until(lambda: note(refused_job) == sentence, 60, lambda: f"the note is {note(refused_job)!r}")
    failed = fail_at_ingest_files(stack, archive_outage)
    wait_until(lambda: "archive" in (note(failed) or ""), 60, lambda: f"the note is {note(failed)!r}")
    assert stack.command("retry", "--job_id", str(failed)).returncode == 0
    stack.wait(failed, lambda state: state["complete"] and state["state"] == "OK")
    wait_until(lambda: note(failed) is None, 60, lambda: f"the note is {note(failed)!r}")


def test_the_overview_reports_the_services(admin: Login):
    wait_until(lambda: "Database</span>" in admin.get("jobs").text, 60, lambda: admin.get("jobs").text)
    wait_until(lambda: "Airflow</span>" in admin.get("jobs").text, 60, lambda: admin.get("jobs").text)


def test_tasks_link_to_the_tab_of_their_job(stack: Stack, refused_job: int):
    path = f"/dags/ingest/dagRuns/job-{refused_job}/taskInstances/open_tar/links"
    links = stack.request_airflow("GET", path)["extra_links"]
    assert links == {"Bundle": f"{stack.airflow}/dags/ingest/runs/job-{refused_job}/plugin/bundle"}
    shown = requests.get(links["Bundle"], timeout=TIMEOUT_SECONDS)
    assert shown.ok
