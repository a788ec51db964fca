"""A selection at the API: the jobs of other users are left out, and only admins retry."""

import pytest
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.pages.csrf import make_token
from ingest.settings.loading import Settings
from tests.api.routes.pages.conftest import ADMIN, OPERATOR, UPLOADER, Browser, OpenBrowser
from tests.api.routes.pages.test_form_token import COOKIE, SECRET
from tests.api.routes.pages.test_jobs import create_jobs


def form(user: str, *job_ids: int) -> dict[str, object]:
    return {"csrf_token": make_token(SECRET, user), "job": [str(job) for job in job_ids]}


@pytest.fixture
def browser(log_in: OpenBrowser) -> Browser:
    browser = log_in(UPLOADER)
    browser.client.set_cookie(COOKIE, SECRET)
    return browser


def test_selection_leaves_out_the_jobs_of_other_users(browser: Browser, database_engine: Engine, settings: Settings):
    own, others = create_jobs(database_engine, settings, UPLOADER, "otto")
    question = browser.get(f"/ui/jobs/confirm?action=cancel&job={own}&job={others}").text
    assert "Cancel 1 job?" in question
    assert "otto" not in question
    results = browser.post("/ui/jobs/cancel", form(UPLOADER, own, others)).text
    assert "Canceled 1 of 1 job" in results
    canceled, untouched = (jobs.read(database_engine, job).record for job in (own, others))
    assert canceled.is_canceled
    assert UPLOADER in canceled.cancellation
    assert not untouched.is_canceled


def test_uploader_may_not_retry(browser: Browser, database_engine: Engine, settings: Settings):
    [own] = create_jobs(database_engine, settings, UPLOADER)
    assert browser.get(f"/ui/jobs/confirm?action=retry&job={own}").status_code == 403
    assert browser.post("/ui/jobs/retry", form(UPLOADER, own)).status_code == 403


def test_only_those_who_may_change_jobs_select_them(log_in: OpenBrowser):
    shown = {user: log_in(user).get("/ui/jobs").text.count("selected jobs …") for user in (UPLOADER, OPERATOR, ADMIN)}
    assert shown == {UPLOADER: 1, OPERATOR: 0, ADMIN: 2}


@pytest.mark.parametrize("job", ["x", "-1", "9" * 20, "9" * 5000, "", "1.0", "\u0661"])
def test_what_is_no_job_id_selects_nothing(browser: Browser, job: str):
    answer = browser.get(f"/ui/jobs/confirm?action=cancel&job={job}")
    assert (answer.status_code, "No job is selected" in answer.text) == (200, True)


def test_unknown_action_is_no_page(browser: Browser):
    assert browser.get("/ui/jobs/confirm?action=delete").status_code == 404
