"""What an attempt costs besides the work of its stage: connections to PostgreSQL, and transactions."""

import pytest
from sqlalchemy import Engine, event

from ingest.ledger.lease import JobLease
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob

CONNECT, COMMIT, FINISHED = "connect", "commit", "finished"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what an attempt does in the database, and when its stage has finished."""
    found: list[str] = []
    finish, make_engine = JobLease.finish_stage, run_stage.make_engine

    def record_finish(lease: JobLease) -> None:
        finish(lease)
        found.append(FINISHED)

    def make_recorded_engine(settings: Settings, pool_size: int) -> Engine:
        engine = make_engine(settings, pool_size)
        event.listen(engine, "connect", lambda *_: found.append(CONNECT))
        event.listen(engine, "commit", lambda *_: found.append(COMMIT))
        return engine

    monkeypatch.setattr(JobLease, "finish_stage", record_finish)
    monkeypatch.setattr(run_stage, "make_engine", make_recorded_engine)
    return found


def test_an_attempt_connects_twice_and_only_the_last_stage_does_more_after_its_end(
    settings: Settings, make_job: MakeJob, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    job = make_job()
    for stage in STAGES[Kind.INGEST]:
        steps.clear()
        run_stage.run_stage(stage, job, 1, last_try=False)
        # One for transactions, and one for the lock of the job.
        assert (stage, steps.count(CONNECT)) == (stage, 2)
        after_end = steps[steps.index(FINISHED) + 1 :]
        # The next job of the user, and the note of the run.
        assert (stage, after_end.count(COMMIT)) == (stage, 2 if stage is Stage.INGEST_METADATA else 0)
