"""### Reconcile: ledger, archive and catalogue are compared

Once a week, for each job that has ended: the catalogue holds its transaction with the ledger's ids and hashes, the archive
each of its files with its size, and nothing of a job that was rejected. One file in a hundred is read and hashed. Nothing is
changed.

- **It failed with `differences_found`**: the log of the task names each difference and what to do about it. Then clear the
  task, or call `pacifica-ingest-cmd reconcile`, which can do more.
- **It is up for retry**: a service is away.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from stage_defaults import DEFAULT_ARGS

from ingest.operations.reconcile import weekly
from ingest.orchestrator.pools import ARCHIVE_POOL


@dag(
    dag_id="reconcile",
    doc_md=__doc__,
    schedule=timedelta(weeks=1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "execution_timeout": timedelta(days=6)},
    tags=["pacifica"],
)
def reconcile() -> None:
    """Wire the one task."""

    @task(doc_md=__doc__, pool=ARCHIVE_POOL)
    def compare() -> dict[str, int]:
        return weekly.reconcile()

    compare()


reconcile()
