"""### Housekeeping: make every received job run

Runs once a minute. For each job that has not ended, it

- triggers the job's run if Airflow has none: Airflow was unavailable when the upload was received, the run was deleted, or
  the run with its id belongs to another job (that run is deleted). A job that waits for another job of its user to end
  keeps waiting;
- clears the run if Airflow lost it: its workers were killed, or its server was unavailable;
- clears the run of a job that waits for a service, when its next attempt is due or when the service answers again;
- replaces the run if task instances of it were deleted;
- ends the job with the code `run_marked_failed` if an operator marked its run, or a task of it, as failed.

It also writes the sentence of the error to the notes of the newest runs whose jobs failed within ten minutes.

It clears or replaces a lost run of a job at most five times. The attempts of a job that waits are not counted. It does not
touch a job that failed by its own fault, or because a service was unavailable for three days: an admin retries that one.

**A run that did something has a note** that says what. Scheduled runs that did nothing are removed by the next run, so the
list shows those that did something or failed, and the newest two.

**When it fails**, Airflow did not respond to the requests about some jobs; the log of the task names them. The next run, a
minute later, tries again. **When it does not run**, jobs that Airflow lost stay where they are: unpause this DAG.
"""

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task
from dag_defaults import WITHOUT_RETRIES, dag_defaults, log_folder

from ingest.operations.housekeeping import run_housekeeping
from ingest.operations.housekeeping_runs import end_run
from ingest.orchestrator.dag_ids import HOUSEKEEPING


@dag(
    dag_id=HOUSEKEEPING,
    doc_md=__doc__,
    **dag_defaults(schedule=timedelta(minutes=1), execution_timeout=timedelta(minutes=10), **WITHOUT_RETRIES),
)
def housekeeping() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__)
    def trigger_and_clear() -> dict[str, int]:
        counts = run_housekeeping()
        end_run(get_current_context()["dag_run"].run_id, counts, log_folder())
        return counts

    trigger_and_clear()


housekeeping()
