"""What an attempt costs besides the work of its stage: connections to PostgreSQL, transactions, compiled statements."""

from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from ingest.ledger.database import transaction
from ingest.ledger.lease import JobLease
from ingest.ledger.models import Job
from ingest.settings.loading import Settings
from ingest.stages import end_when_canceled, run_stage
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob

CONNECT, COMMIT, COMPILE, FINISHED = "connect", "commit", "compile", "finished"
# The built-in UniqueID and catalog have transactions of their own, and the built-in archive reads its marker.
WITH_BUILT_IN_SERVICES = {Stage.LOAD_METADATA, Stage.INGEST_FILES, Stage.INGEST_METADATA}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what an attempt does in the database, and when its stage has finished."""
    found: list[str] = []
    finish, make_engine = JobLease.finish_stage, run_stage.make_engine

    def record_finish(lease: JobLease) -> None:
        finish(lease)
        found.append(FINISHED)

    def record_compiled(
        _connection: object, _cursor: object, _sql: str, _values: object, context: Any, _many: bool
    ) -> None:
        found.extend([COMPILE] if context.compiled is not None else [])

    def make_recorded_engine(settings: Settings, pool_size: int) -> Engine:
        engine = make_engine(settings, pool_size)
        event.listen(engine, "connect", lambda *_: found.append(CONNECT))
        event.listen(engine, "commit", lambda *_: found.append(COMMIT))
        event.listen(engine, "before_cursor_execute", record_compiled)
        return engine

    # The thread that looks for a cancellation has a connection of its own.
    monkeypatch.setattr(end_when_canceled, "CHECK_SECONDS", 600)
    monkeypatch.setattr(JobLease, "finish_stage", record_finish)
    monkeypatch.setattr(run_stage, "make_engine", make_recorded_engine)
    return found


def test_an_attempt_connects_once_and_only_the_last_stage_does_more_after_its_end(
    settings: Settings, make_job: MakeJob, steps: list[str], database_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    job = make_job()
    with transaction(database_engine) as session:
        # The end of a job starts others of its user, which tests may have left.
        session.execute(update(Job).where(Job.id == job).values(user="user of one job"))
    for stage in STAGES[Kind.INGEST]:
        steps.clear()
        run_stage.run_stage(stage, job, 1, last_try=False)
        # The connection that holds the lock of the job is that of the transactions, too.
        connects = steps[: steps.index(FINISHED)].count(CONNECT)
        assert (stage, connects) == (stage, 2 if stage in WITH_BUILT_IN_SERVICES else 1)
        if stage not in WITH_BUILT_IN_SERVICES:
            assert (stage, steps.count(COMPILE)) == (stage, 0)
        after_end = steps[steps.index(FINISHED) + 1 :]
        # The next job of the user, and the note of the run.
        assert (stage, after_end.count(COMMIT)) == (stage, 2 if stage is Stage.INGEST_METADATA else 0)
