"""### Housekeeping: every answered upload runs

Once a minute it looks at each job that has not ended, and

- triggers it if Airflow has no run of it: Airflow was unavailable when the upload was answered, the run was deleted, or a
  run of another job has its id (that one is deleted). A job that waits for another job of its user to end is left waiting;
- clears its run if Airflow lost it: its workers were killed, its server was unavailable;
- replaces its run if task instances of it were deleted;
- ends the job with `run_marked_failed` if an operator marked its run, or a task of it, as failed.

It clears or replaces the run of a job up to five times. A job that failed by its own fault, or because a service was
unavailable for too long, is left to an admin.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from ingest.operations.housekeeping import run_housekeeping


@dag(
    dag_id="housekeeping",
    doc_md=__doc__,
    schedule=timedelta(minutes=1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={"owner": "pacifica-ingest", "execution_timeout": timedelta(minutes=10)},
    tags=["pacifica"],
)
def housekeeping() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__)
    def trigger_and_clear() -> dict[str, int]:
        return run_housekeeping()

    trigger_and_clear()


housekeeping()
