"""### Retention: bundles of rejected jobs leave the spool

Once an hour: removes the bundle of each job that was rejected longer ago than `keep_rejected_days` says. What the uploader
sees of the job stays as it is, and so do its events, one of which says that the bundle was removed. Such a job cannot be
cleared any more; the uploader sends a mended bundle. The bundle of a job that failed because a service was away is kept.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from ingest.retention import remove_old_bundles


@dag(
    dag_id="retention",
    doc_md=__doc__,
    schedule=timedelta(hours=1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={"owner": "pacifica-ingest", "execution_timeout": timedelta(hours=1)},
    tags=["pacifica"],
)
def retention() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__)
    def remove_bundles() -> dict[str, int]:
        return remove_old_bundles()

    remove_bundles()


retention()
