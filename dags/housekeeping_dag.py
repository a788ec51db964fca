"""### Housekeeping: every answered upload runs

Once a minute: triggers each job whose run Airflow does not have (Airflow was away when the upload was answered, or the run
was deleted), unless it waits for another job of its user to end; and clears each run that Airflow itself has lost (its
workers were killed, its server was away), up to five times a job. A job that failed by its own fault, or because a service
stayed away, is left to an admin.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from ingest.housekeeping import keep_house


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
        return keep_house()

    trigger_and_clear()


housekeeping()
