"""The end of a job that failed starts the next job of its user, and then notes the error in the run."""

import pytest
from sqlalchemy import Engine, delete

from ingest.errors.types import Rejection
from ingest.ledger.database import transaction
from ingest.ledger.models import Job
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.stages import Stage
from tests.job_fixtures import MakeJob
from tests.orchestrator.scripted_airflow import TASKS, scripted_airflow

RUNS = "/api/v2/dags/ingest/dagRuns"


def test_the_next_job_starts_before_the_note_is_written_and_with_one_log_in(
    settings: Settings, make_job: MakeJob, database_engine: Engine, shared_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(database_engine) as session:
        session.execute(delete(Job))
    failing, following = make_job(b"no tar"), make_job()
    with scripted_airflow() as airflow:
        airflow.answer("POST", RUNS, (200, {}))
        airflow.answer("POST", TASKS, (200, {"task_instances": []}))
        run = f"{RUNS}/job-{failing}"
        airflow.answer("GET", run, (200, {"dag_run_id": f"job-{failing}", "note": None}))
        airflow.answer("PATCH", run, (200, {}))
        changed = settings.model_copy(
            update={"airflow_url": airflow.url, "user_running_jobs": 1, "authentication": "open"}
        )
        monkeypatch.setattr(run_stage, "load_settings", lambda: changed)
        with pytest.raises(Rejection):
            run_stage.run_stage(Stage.OPEN_TAR, failing, 1, last_try=False)
        sent = [(each.method, each.path, each.body) for each in airflow.received]
    changes = [(path, body) for method, path, body in sent if method in {"POST", "PATCH"} and path != "/auth/token"]
    assert [path for path, _ in changes] == [RUNS, run]
    assert changes[0][1]["dag_run_id"] == f"job-{following}"
    assert changes[1][1]["note"].startswith("bundle_invalid: ")
    assert [path for _, path, _ in sent].count("/auth/token") == 1
