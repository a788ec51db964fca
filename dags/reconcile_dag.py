"""### Reconcile: compare ledger, archive and catalog

Runs once a week. For each job that has ended it checks that

- the catalog holds the job's transaction, with the file ids and hashes of the ledger;
- the archive holds each file of the job with its size; one file in a hundred is read and hashed;
- the archive and the catalog hold nothing of a job that was rejected.

It changes nothing.

- **It failed with `differences_found`**: the log of the task names each difference and what to do about it. Then clear the
  task, or run `pacifica-ingest-cmd reconcile`, which can do more.
- **It is up for retry**: a service is unavailable.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from dag_defaults import dag_defaults

from ingest.operations.reconcile import weekly
from ingest.orchestrator.dag_ids import RECONCILE
from ingest.states.stages import Pool


@dag(
    dag_id=RECONCILE,
    doc_md=__doc__,
    **dag_defaults(schedule=timedelta(weeks=1), execution_timeout=timedelta(days=6)),
)
def reconcile() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__, pool=Pool.ARCHIVE.value)
    def compare() -> dict[str, int]:
        return weekly.reconcile()

    compare()


reconcile()
