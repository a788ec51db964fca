"""### Retention: what is left over leaves the spool

Once an hour it removes

- what came of an upload that was cut off and never answered, after `keep_abandoned_seconds`;
- the bundle of each job that was rejected longer ago than `keep_rejected_days` says;
- the bundle of each job that failed longer ago than `keep_failed_days` says, and what the archive holds of it;
- the bundle of a catalogued job that could not be removed at the job's end.

What the uploader sees of a job stays as it is, and so do its events, one of which says what was removed. A job without its
bundle cannot be cleared any more; the uploader sends a new one. A job that goes on is never touched.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from ingest.operations.retention import remove_leftovers


@dag(
    dag_id="retention",
    doc_md=__doc__,
    schedule=timedelta(hours=1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={"owner": "pacifica-ingest", "execution_timeout": timedelta(hours=12)},
    tags=["pacifica"],
)
def retention() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__)
    def clean() -> dict[str, int]:
        return remove_leftovers()

    clean()


retention()
