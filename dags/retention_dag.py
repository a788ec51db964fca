"""### Retention: remove expired bundles and partial uploads

Runs once an hour and removes

- partial uploads that were interrupted, `keep_abandoned_seconds` after the API gave them up;
- the bundle of each job that was canceled;
- the bundle of each job that was rejected, after `keep_rejected_days`;
- the bundle of each job that failed, after `keep_failed_days`, and the files of the job that the archive holds;
- the bundle of a cataloged job that could not be removed when the job ended;
- notifications that were delivered or given up, after `keep_notifications_days`.

The state of a job that clients see does not change, and its events stay; one of them names the removed files. A job without
its bundle cannot be cleared any more: the uploader sends a new bundle. A job that is still being processed is never
touched.

**When it fails**, the log of the task says why; the next run, an hour later, tries again. Uploads and bundles that could
not be removed are counted as `kept` in the result, each with a warning in the log.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from dag_defaults import WITHOUT_RETRIES, dag_defaults

from ingest.operations.retention import remove_leftovers
from ingest.orchestrator.dag_ids import RETENTION


@dag(
    dag_id=RETENTION,
    doc_md=__doc__,
    **dag_defaults(schedule=timedelta(hours=1), execution_timeout=timedelta(hours=12), **WITHOUT_RETRIES),
)
def retention() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__)
    def clean() -> dict[str, int]:
        return remove_leftovers()

    clean()


retention()
