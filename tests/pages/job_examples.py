"""Jobs in every state for the tests of the page of a job, and the page as its reader sees it."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func

from ingest.pages.job_page import show_job
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from ingest.states.waiting import Waiting
from tests.api.routes.job_lists import add_event, make_job

OPERATOR = Site(
    root="../",
    viewer="olga",
    airflow_root="../../",
    may_retry=True,
    may_cancel=True,
    may_replace=True,
    csrf_token="the token of the login",
)
READER = Site(root="../", viewer="rita", airflow_root="../../")
UPLOADER = Site(root="../", viewer="ada", may_cancel=True)
DECLARED: dict[str, Any] = {"project": "1234a", "instrument": "54", "files": 4, "bytes": 1000, "triggered": func.now()}
CANCELED = {"code": "canceled", "text": "by ada at 2026-11-30 12:00:00 UTC; send it as a new job"}
WAITING = Waiting(
    service="archive",
    url="http://archive.example.org",
    since=datetime(2026, 11, 30, 12, 0, tzinfo=UTC),
    attempt=7,
    next_attempt_at=datetime(2026, 11, 30, 12, 30, tzinfo=UTC),
    code="service_unavailable",
    reason="connection refused",
)
MakeExample = Callable[[Engine], int]
TAG = re.compile(r"<[^>]*>")


def error(
    code: str, text: str, stage: str = "ingest_files", *, final: bool = True, **more: object
) -> dict[str, object]:
    return {"stage": stage, "code": code, "text": text, "final": final, "attempt": 1, **more}


def running_job(engine: Engine) -> int:
    """Commit a job that has sent half of its bytes within a minute."""
    sending: dict[str, Any] = {
        "stage": "ingest_files",
        "finished": "validate_policy",
        "percent": 50.0,
        "holder": "host:1:1",
    }
    job = make_job(engine, "ada", **DECLARED, **sending)
    started = datetime.now(UTC) - timedelta(minutes=1)
    add_event(engine, job, "stage_started", stage="ingest_files", attempt=1, at=started)
    return job


def waiting_job(engine: Engine) -> int:
    """Commit a job that waits for the archive."""
    cause = error("service_unavailable", "archive is not available", final=False)
    waiting: dict[str, Any] = {
        "stage": "ingest_files",
        "finished": "validate_policy",
        "error": cause,
        "waiting": WAITING.as_json(),
    }
    return make_job(engine, "ada", **DECLARED, **waiting)


def failed_job(engine: Engine, code: str = "policy_rejected", text: str = "policy says no", **more: Any) -> int:
    """Commit a job that was rejected."""
    return make_job(engine, "ada", **DECLARED, outcome="rejected", error=error(code, text, "validate_policy", **more))


def canceled_job(engine: Engine, *, is_removed: bool = True) -> int:
    """Commit a job that was canceled; unless `is_removed`, the archive still holds files of it."""
    outcome = "rejected" if is_removed else "rejecting"
    cause = error("canceled", CANCELED["text"], final=is_removed)
    return make_job(engine, "ada", **DECLARED, outcome=outcome, rejection=CANCELED, error=cause)


def complete_job(engine: Engine) -> int:
    """Commit a job that the catalog holds."""
    return make_job(engine, "ada", **DECLARED, outcome="catalogued", finished="ingest_metadata", spool_name="")


def page_of(engine: Engine, job: int, site: Site = OPERATOR, *, is_operator: bool = True) -> str:
    """Return the HTML of the page of a job."""
    return show_job(Settings(), engine, site, job, is_operator=is_operator)


def words(page: str) -> str:
    """Return what a person reads on a page, in one line."""
    return " ".join(html.unescape(TAG.sub(" ", page)).split())
