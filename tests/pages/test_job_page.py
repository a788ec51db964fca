"""The page of one job in every state: what it says, what it offers, and how often it is read again."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, insert

from ingest.errors.advice import advice_on
from ingest.errors.types import UnknownJob
from ingest.ledger.models import OriginalJob
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from tests.api.routes.job_lists import add_event, add_files, make_job, new_id
from tests.api.routes.states import change
from tests.pages.job_examples import (
    OPERATOR,
    READER,
    UPLOADER,
    MakeExample,
    canceled_job,
    complete_job,
    error,
    failed_job,
    page_of,
    running_job,
    waiting_job,
    words,
)

RETRY, CANCEL, BUNDLE = "Retry …", "Cancel …", "Run another bundle as this job …"


def buttons(text: str) -> list[str]:
    return [button for button in (RETRY, CANCEL, BUNDLE) if button in text]


def test_it_says_who_what_and_how_much(database_engine: Engine):
    job = running_job(database_engine)
    text = words(page_of(database_engine, job))
    for shown in (f"Job {job} running", "Uploader ada", "Project 1234a", "Instrument 54", "Files 4", "Data 1.0 kB"):
        assert shown in text


def test_running_job_shows_its_progress_rate_and_end(database_engine: Engine):
    job = running_job(database_engine)
    add_files(database_engine, job, 3, "archived")
    text = words(page_of(database_engine, job))
    assert "Runs the stage ingest files" in text
    assert (
        "50.0 % of ingest files · 500 bytes of 1.0 kB archived · 3 of 4 files · 8 bytes/s · done in about 1 min" in text
    )


def test_the_time_of_a_failed_job_ends_with_its_failure(database_engine: Engine):
    job = failed_job(database_engine)
    for kind in ("stage_started", "stage_failed"):
        add_event(database_engine, job, kind, stage="validate_policy", attempt=1)
    before = words(page_of(database_engine, job))
    # Retention removes the bundle a month later.
    change(database_engine, job, updated=func.now() + timedelta(days=30))
    assert words(page_of(database_engine, job)) == before
    assert "Ended" in before


def test_received_job_says_what_it_waits_for(database_engine: Engine):
    # A user of its own: jobs of other tests may occupy the share of another one.
    text = words(page_of(database_engine, make_job(database_engine, f"user {new_id(database_engine)}")))
    assert "Waits: Airflow has not started the stage open tar yet . The job continues by itself." in text
    assert text.count("pending") == 5


def test_job_behind_others_of_its_user_says_so(database_engine: Engine):
    user = f"user {new_id(database_engine)}"
    for _ in range(Settings().user_running_jobs):
        make_job(database_engine, user)
    text = words(page_of(database_engine, make_job(database_engine, user)))
    assert "waits for earlier jobs of the same user" in text


def test_waiting_job_names_the_service_the_attempts_and_the_next_one(database_engine: Engine):
    text = words(page_of(database_engine, waiting_job(database_engine)))
    assert "Waits for archive at http://archive.example.org since 2026-11-30 12:00:00 UTC . 7 attempts failed" in text
    assert "the next one starts at 2026-11-30 12:30:00 UTC" in text
    assert "Why it waits archive is not available" in text
    assert f"Facility : {advice_on('service_unavailable').what_to_do}" in text


def test_failed_job_says_why_who_acts_and_what_to_do(database_engine: Engine):
    text = words(page_of(database_engine, failed_job(database_engine)))
    assert "Failed in the stage Policy Validation . Nothing more happens until a person acts." in text
    assert "Why it failed policy says no Code policy_rejected" in text
    assert "What to do Uploader or admin : grant the rights and retry, or send a new bundle" in text


def test_every_listed_fault_is_shown_by_code_with_what_to_do_once(database_engine: Engine):
    codes = ("file_missing", "size_differs")
    faults = [{"code": codes[number % 2], "text": f"fault number {number}."} for number in range(100)]
    job = failed_job(database_engine, "metadata_invalid", "the uploader must fix this", faults=faults, more_faults=900)
    text = words(page_of(database_engine, job))
    assert "1,000 faults, of which the first 100 are listed" in text
    assert all(f"fault number {number}." in text for number in range(100))
    assert text.count(advice_on("size_differs").what_to_do.replace("`", " ").split("  ")[0]) == 1


def test_timeline_shows_attempts_and_the_time_they_took(database_engine: Engine):
    job = waiting_job(database_engine)
    for attempt, minute in ((1, 0), (2, 10)):
        for kind, second in (("stage_started", 0), ("stage_will_be_tried_again", 30)):
            at = datetime.fromisoformat(f"2026-11-30T12:{minute:02}:{second:02}Z")
            add_event(database_engine, job, kind, stage="ingest_files", attempt=attempt, at=at)
    page = page_of(database_engine, job)
    assert "ingest files log waiting 2 2026-11-30 12:10:00 UTC 2026-11-30 12:10:30 UTC 1 min 0 s" in words(page)
    assert f'href="../../dags/ingest/runs/job-{job}/tasks/ingest_files"' in page
    assert "/tasks/" not in page_of(database_engine, job, UPLOADER)


def test_complete_job_offers_its_receipt_and_no_action(database_engine: Engine):
    job = complete_job(database_engine)
    page = page_of(database_engine, job, UPLOADER)
    assert f'href="../jobs/{job}/receipt"' in page
    assert "The archive holds all files" in words(page)
    assert buttons(words(page_of(database_engine, job))) == []
    assert f"GET /jobs/{job}/receipt" in words(page_of(database_engine, job))


def test_job_that_is_not_complete_says_that_the_data_must_be_kept(database_engine: Engine):
    assert "until then the uploader must keep the data" in words(page_of(database_engine, failed_job(database_engine)))


@pytest.mark.parametrize("is_removed", [True, False])
def test_canceled_job_cannot_be_changed_and_says_by_whom(database_engine: Engine, is_removed: bool):
    job = canceled_job(database_engine, is_removed=is_removed)
    text = words(page_of(database_engine, job))
    assert f"Job {job} canceled" in text
    assert text.count("by ada at 2026-11-30 12:00:00 UTC") == 1
    assert "A canceled job has no receipt" in text
    assert "receipt follows" not in text
    assert ("are being removed" in text) is not is_removed
    assert "A canceled job has no receipt" in text
    assert "until then" not in text
    assert buttons(text) == []


@pytest.mark.parametrize(
    ("make", "site", "expected"),
    [
        (failed_job, OPERATOR, [RETRY, CANCEL, BUNDLE]),
        (waiting_job, OPERATOR, [RETRY, CANCEL]),
        (running_job, OPERATOR, [CANCEL]),
        (failed_job, UPLOADER, [CANCEL]),
        (failed_job, READER, []),
    ],
)
def test_it_offers_what_helps_and_what_the_viewer_may_do(
    database_engine: Engine, make: MakeExample, site: Site, expected: list[str]
):
    assert buttons(words(page_of(database_engine, make(database_engine), site))) == expected


@pytest.mark.parametrize(
    ("make", "seconds"),
    [
        (running_job, 2),
        (waiting_job, 2),
        (failed_job, 15),
        (complete_job, None),
        (canceled_job, None),
        (lambda engine: canceled_job(engine, is_removed=False), 2),
    ],
)
def test_it_is_read_again_as_long_as_the_job_may_change(
    database_engine: Engine, make: MakeExample, seconds: int | None
):
    page = page_of(database_engine, make(database_engine))
    assert ('data-refresh="' in page, f'data-refresh="{seconds}"' in page) == (seconds is not None,) * 2


def test_uploaders_do_not_see_what_is_for_operators(database_engine: Engine):
    job = canceled_job(database_engine)
    add_event(database_engine, job, "canceled", text="by admin 7")
    add_event(database_engine, job, "sources_refused", text="/secret/path")
    assert "by admin 7" in page_of(database_engine, job)
    assert "/secret/path" in page_of(database_engine, job)
    page = page_of(database_engine, job, UPLOADER, is_operator=False)
    assert "by admin 7" not in page
    assert "/secret/path" not in page
    assert words(page).count("Run in Airflow") == 0


def test_error_of_a_former_attempt_is_shown_while_the_next_one_runs(database_engine: Engine):
    cause = error("service_unavailable", "archive is not available", final=False)
    job = make_job(database_engine, "ada", triggered=func.now(), stage="ingest_files", holder="h:1:1", error=cause)
    assert "Why the last attempt failed archive is not available" in words(page_of(database_engine, job))


def test_job_of_the_original_service_has_a_page(database_engine: Engine):
    job = new_id(database_engine)
    values = {"state": "FAILED", "task": "ingest files", "task_percent": Decimal("37.50"), "exception": "no space"}
    times = {"created": datetime(2020, 1, 1), "updated": datetime(2020, 1, 2)}
    with database_engine.begin() as connection:
        connection.execute(insert(OriginalJob).values(id=job, complete=False, **values, **times))
    text = words(page_of(database_engine, job))
    assert f"Job {job} failed" in text
    assert "ingest files , 37.50 % Created 2020-01-01 00:00:00 UTC" in text
    assert "no space" in text


@pytest.mark.parametrize("job", [-1, 2**62, 2**70])
def test_unknown_job_is_an_error(database_engine: Engine, job: int):
    with pytest.raises(UnknownJob):
        page_of(database_engine, job)
