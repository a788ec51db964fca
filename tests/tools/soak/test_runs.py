"""The jobs of a soak that must have a run in Airflow."""

from sqlalchemy import Engine

from ingest.ledger.cancellation import cancel
from ingest.ledger.job_runs import mark_triggered
from ingest.states.stages import Kind
from tests.operations.notify.conftest import receive_job
from tools.soak.runs import jobs_with_runs


def test_job_that_was_canceled_before_it_was_triggered_needs_no_run(separate_engine: Engine):
    waiting, canceled, canceled_later = (receive_job(separate_engine) for _ in range(3))
    mark_triggered(separate_engine, canceled_later)
    for job in (canceled, canceled_later):
        cancel(separate_engine, job, "an admin", "admin")
    assert jobs_with_runs(separate_engine, Kind.INGEST) == [waiting, canceled_later]
    assert jobs_with_runs(separate_engine, Kind.MOVE) == []
