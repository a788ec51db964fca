"""### Retention: remove expired bundles and partial uploads, and old runs from Airflow

Runs once an hour. The task `clean` removes

- partial uploads that were interrupted, `keep_abandoned_seconds` after the API gave them up;
- the bundle of each job that was canceled;
- the bundle of each job that was rejected, after `keep_rejected_days`;
- the bundle of each job that failed, after `keep_failed_days`, and the files of the job that the archive holds;
- the bundle of a cataloged job that could not be removed when the job ended;
- notifications that were delivered or given up, after `keep_notifications_days`.

The state of a job that clients see does not change, and its events stay; one of them names the removed files. A job without
its bundle cannot be cleared any more: the uploader sends a new bundle. A job that is still being processed is never
touched.

The task `remove_old_runs` removes from Airflow, after `keep_airflow_days`, runs that have ended, with their task instances
and logs. The run of a job that is still being processed is never touched. The ledger keeps the job.

**When it fails**, the log of the task says why; the next run, an hour later, tries again. Uploads and bundles that could
not be removed are counted as `kept` in the result, each with a warning in the log.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from dag_defaults import WITHOUT_RETRIES, dag_defaults, log_folder

from ingest.operations import old_runs
from ingest.operations.retention import remove_leftovers
from ingest.orchestrator.dag_ids import RETENTION


@dag(
    dag_id=RETENTION,
    doc_md=__doc__,
    **dag_defaults(schedule=timedelta(hours=1), execution_timeout=timedelta(hours=12), **WITHOUT_RETRIES),
)
def retention() -> None:
    """Wire the tasks, which do not depend on each other."""

    @task(doc_md=__doc__)
    def clean() -> dict[str, int]:
        return remove_leftovers()

    @task(doc_md=__doc__)
    def remove_old_runs() -> dict[str, int]:
        return old_runs.remove_old_runs(log_folder())

    clean()
    remove_old_runs()


retention()
