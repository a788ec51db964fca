"""The stages of a job and the time in which one was worked on, from the ledger's facts."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, StageError
from ingest.states.stage_history import Attempt, StageState, report_stages, time_worked
from ingest.states.stages import Kind, Stage

START = datetime(2026, 11, 30, tzinfo=UTC)
PENDING, RUNNING, WAITING, FAILED, COMPLETE = StageState
OPEN, LOAD, SEND = Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.INGEST_FILES
BY_HAND = JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("job", "states"),
    [
        (JobRecord(Kind.INGEST), [PENDING] * 5),
        (JobRecord(Kind.INGEST, stage=OPEN, is_held=True), [RUNNING, *[PENDING] * 4]),
        (JobRecord(Kind.INGEST, stage=OPEN, finished=OPEN), [COMPLETE, *[PENDING] * 4]),
        # A stage that was cleared runs again, although it had finished.
        (JobRecord(Kind.INGEST, stage=OPEN, is_held=True, finished=LOAD), [RUNNING, COMPLETE, *[PENDING] * 3]),
        (
            JobRecord(Kind.INGEST, stage=LOAD, finished=OPEN, error=StageError(LOAD, "c: t", final=False)),
            [COMPLETE, WAITING, *[PENDING] * 3],
        ),
        (
            JobRecord(Kind.INGEST, stage=LOAD, finished=OPEN, error=StageError(LOAD, "c: t", final=True)),
            [COMPLETE, FAILED, *[PENDING] * 3],
        ),
        (JobRecord(Kind.INGEST, stage=LOAD, is_held=True, finished=OPEN, override=BY_HAND), [COMPLETE, *[PENDING] * 4]),
        (JobRecord(Kind.MOVE, outcome=Outcome.CATALOGED), [COMPLETE] * 4),
    ],
)
def test_states_of_the_stages(job: JobRecord, states: list[StageState]):
    assert [report.state for report in report_stages(job, [])] == states


def test_a_stage_shows_its_last_attempt():
    attempts = [Attempt(OPEN, 1, at(0), at(1)), Attempt(LOAD, 1, at(2), at(3)), Attempt(OPEN, 2, at(4))]
    first, second, *_ = report_stages(JobRecord(Kind.INGEST), attempts)
    assert (first.attempt, first.started, first.ended) == (2, at(4), None)
    assert (second.attempt, second.started, second.ended) == (1, at(2), at(3))


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        ([], 0),
        ([Attempt(SEND, 1, at(0))], 100),
        ([Attempt(SEND, 1, at(0), at(10)), Attempt(SEND, 2, at(70))], 40),
        # The first attempt was killed: nothing recorded its end.
        ([Attempt(SEND, 1, at(0)), Attempt(SEND, 2, at(70), at(90))], 90),
        ([Attempt(OPEN, 1, at(0), at(50)), Attempt(SEND, 1, at(60), at(61)), Attempt(OPEN, 1, at(80))], 1),
    ],
)
def test_only_time_in_attempts_counts(attempts: list[Attempt], seconds: float):
    assert time_worked(attempts, SEND, at(100)) == timedelta(seconds=seconds)
