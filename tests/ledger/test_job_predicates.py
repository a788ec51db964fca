"""Each SQL condition on jobs agrees with its Python counterpart, for every combination of the columns that it reads."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import JobCanceled, JobOverridden
from ingest.ledger import job_predicates
from ingest.ledger.jobs import to_snapshot
from ingest.ledger.models import REMOVED, Job
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, Phase
from ingest.states.stages import Kind, Stage
from ingest.states.waiting import Cause, Resumption, Waiting

FIRST_ID = 9_100_000_000
NOW = datetime.now(UTC)
OVERRIDES = [
    None,
    *(asdict(JobState(state, "open tar", 0.0, "", complete=False)) for state in JobStatus),
]
ERRORS = [None, *({"stage": Stage.OPEN_TAR, "code": "c", "text": "t", "final": final} for final in (False, True))]
OUTCOMES = [None, *Outcome]
HOLDERS = [None, "host:1:1"]
# Well before and well after the limit, however long the test takes.
UPDATED = [NOW + timedelta(days=1), NOW - 2 * job_predicates.HOLDER_TIMEOUT]
SPOOL_NAMES = ["name", REMOVED]
LAST_STATES = [OVERRIDES[0], OVERRIDES[-1]]
WAITING = Waiting.begin(Cause("archive", "http://archive", "service_unavailable", "refused"), NOW)
REJECTIONS_AND_WAITS = [
    {},
    {"rejection": {"code": "bundle_invalid", "text": "cut"}},
    {"rejection": {"code": "canceled", "text": "by ada"}},
    {"waiting": WAITING.as_json()},
    {"waiting": replace(WAITING, resumption=Resumption.IN_LINE).as_json()},
    {"waiting": replace(WAITING, resumption=Resumption.STARTED).as_json()},
]
COMBINATIONS = 3 * 3 * 5 * 2 * 2 * 2 * 2 * 6


def is_dead(job: Job) -> bool:
    return job.updated < NOW - job_predicates.HOLDER_TIMEOUT


def is_waiting(_job: Job, record: JobRecord) -> bool:
    is_started = record.waiting is not None and record.waiting.resumption is Resumption.STARTED
    return record.waiting is not None and not record.is_held and not is_started


def is_idle(job: Job, record: JobRecord) -> bool:
    return record.is_cataloged or (record.is_stopped and (not record.is_held or is_dead(job)))


EXPECTED: dict[str, Callable[[Job, JobRecord], bool]] = {
    "IS_IN_SPOOL": lambda job, _record: job.spool_name != REMOVED,
    "IS_CATALOGED": lambda _job, record: record.is_cataloged,
    "IS_STOPPED": lambda _job, record: record.is_stopped,
    "IS_REJECTED": lambda _job, record: record.is_rejected,
    "IS_CANCELED": lambda _job, record: record.is_canceled,
    "IS_UNFINISHED": lambda _job, record: record.is_unfinished,
    "IS_WAITING": is_waiting,
    "IS_IDLE": is_idle,
}


@pytest.fixture(scope="module")
def session(database_engine: Engine) -> Iterator[Session]:
    """Yield a transaction with a job of each combination, which is rolled back."""
    columns: tuple[list[Any], ...] = (OVERRIDES, ERRORS, OUTCOMES, HOLDERS, UPDATED, SPOOL_NAMES, LAST_STATES)
    names = ("override", "error", "outcome", "holder", "updated", "spool_name", "last_state")
    combinations = [
        {**dict(zip(names, values, strict=True)), **others}
        for values in product(*columns)
        for others in REJECTIONS_AND_WAITS
    ]
    with Session(database_engine) as session:
        session.add_all(
            Job(id=FIRST_ID + number, kind=Kind.INGEST, user="ada", size=1, **values)
            for number, values in enumerate(combinations)
        )
        session.flush()
        assert len(combinations) == COMBINATIONS
        yield session
        session.rollback()


def test_every_predicate_is_compared():
    names = {name for name in vars(job_predicates) if name.startswith("IS_")}
    assert names == set(EXPECTED) | {"IS_IN_PHASE"}


@pytest.mark.parametrize("name", EXPECTED)
def test_predicate_agrees_with_python_for_every_combination(session: Session, name: str):
    predicate: ColumnElement[bool] = getattr(job_predicates, name)
    rows = session.execute(
        select(Job, predicate.label("found"), (~predicate).label("negated")).where(Job.id >= FIRST_ID)
    ).all()
    assert len(rows) == COMBINATIONS
    for job, found, negated in rows:
        expected = EXPECTED[name](job, to_snapshot(job).record)
        assert (found, negated) == (expected, not expected), vars(job)


@pytest.mark.parametrize("name", EXPECTED)
def test_predicate_selects_the_same_rows_in_a_where_clause(session: Session, name: str):
    predicate: ColumnElement[bool] = getattr(job_predicates, name)
    jobs = session.scalars(select(Job).where(Job.id >= FIRST_ID)).all()
    expected = {job.id for job in jobs if EXPECTED[name](job, to_snapshot(job).record)}
    assert set(session.scalars(select(Job.id).where(Job.id >= FIRST_ID, predicate))) == expected


@pytest.mark.parametrize("phase", Phase)
def test_phase_selects_the_rows_whose_record_is_in_it(session: Session, phase: Phase):
    jobs = session.scalars(select(Job).where(Job.id >= FIRST_ID)).all()
    expected = {job.id for job in jobs if to_snapshot(job).record.phase is phase}
    condition = job_predicates.IS_IN_PHASE[phase]
    assert set(session.scalars(select(Job.id).where(Job.id >= FIRST_ID, condition))) == expected
    assert expected


def test_code_of_an_error_is_that_of_the_state_that_clients_see(session: Session):
    for job in session.scalars(select(Job).where(Job.id >= FIRST_ID)):
        record = to_snapshot(job).record
        failed_by_admin = record.override is not None and record.override.state == JobStatus.FAILED
        code = JobOverridden.code if failed_by_admin else job.error and job.error["code"]
        code = JobCanceled.code if record.is_canceled else code
        assert job.error_code == (None if record.is_cataloged else code)
