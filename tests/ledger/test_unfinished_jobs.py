"""The unfinished jobs, in batches."""

import pytest
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.ledger.jobs import LARGEST_ID
from ingest.states.job_record import Outcome, StageError
from ingest.states.stages import Stage
from tests.job_creation import create_job
from tests.ledger.job_rows import FAILED_BY_HAND, OK_BY_HAND, next_id, received, set_columns, stage_error


def unfinished_of(engine: Engine, *ids: int) -> list[int]:
    """Return those of the jobs that are unfinished; the ids are consecutive."""
    found = jobs.unfinished(engine, ids[0] - 1, len(ids) + 100)
    return [job.received.job_id for job in found if job.received.job_id in ids]


@pytest.mark.parametrize(
    ("columns", "listed"),
    [
        ({"percent": 99.0}, True),
        ({"outcome": Outcome.CATALOGING}, True),
        ({"outcome": Outcome.REJECTING}, True),
        ({"outcome": Outcome.CATALOGED}, False),
        ({"error": stage_error(final=False)}, True),
        ({"error": stage_error(final=True)}, False),
        ({"outcome": Outcome.REJECTED, "error": stage_error(final=True)}, False),
        ({"outcome": Outcome.REJECTING, "error": stage_error(final=False)}, True),
        ({"outcome": Outcome.CATALOGED, "error": stage_error(final=False)}, False),
        ({"finished": Stage.VALIDATE_POLICY, "stage": Stage.INGEST_FILES, "holder": "host:1:1"}, True),
    ],
)
def test_only_jobs_that_have_not_ended_are_unfinished(
    database_engine: Engine, job_id: int, columns: dict[str, object], listed: bool
):
    set_columns(database_engine, job_id, **columns)
    assert unfinished_of(database_engine, job_id) == ([job_id] if listed else [])


def test_overridden_job_is_unfinished_again_when_it_is_lifted(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, FAILED_BY_HAND)
    assert unfinished_of(database_engine, job_id) == []
    jobs.lift_override(database_engine, job_id)
    assert unfinished_of(database_engine, job_id) == [job_id]


def test_job_that_is_ok_by_hand_is_unfinished(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, OK_BY_HAND)
    assert unfinished_of(database_engine, job_id) == [job_id]


def test_job_that_had_failed_is_unfinished_when_it_is_retried(database_engine: Engine, job_id: int):
    set_columns(database_engine, job_id, error=stage_error(final=True))
    lifted = jobs.lift_override(database_engine, job_id)
    assert lifted.record.error == StageError(Stage.OPEN_TAR, "bundle_invalid: cut", final=False)
    assert unfinished_of(database_engine, job_id) == [job_id]


def test_unfinished_jobs_are_returned_in_order_of_their_ids_and_in_batches(database_engine: Engine):
    ids = [next(next_id) for _ in range(5)]
    for job in reversed(ids):
        create_job(database_engine, received(job))
    set_columns(database_engine, ids[1], outcome=Outcome.CATALOGED)
    first = [job.received.job_id for job in jobs.unfinished(database_engine, ids[0] - 1, 2)]
    second = [job.received.job_id for job in jobs.unfinished(database_engine, first[-1], 2)]
    assert first + second == [ids[0], ids[2], ids[3], ids[4]]


def test_unfinished_job_is_returned_complete(database_engine: Engine, job_id: int):
    assert jobs.unfinished(database_engine, job_id - 1, 1) == [jobs.read(database_engine, job_id)]


def test_nothing_is_unfinished_above_the_largest_id(database_engine: Engine):
    assert jobs.unfinished(database_engine, LARGEST_ID, 10) == []
