"""Cancel and retry a job on behalf of a person.

Called by the API and the command line.
"""

import logging

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable, ServiceUnavailable
from ingest.ledger.cancellation import cancel
from ingest.ledger.job_snapshots import JobSnapshot
from ingest.orchestrator.canceled_runs import change_run
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import report_obstacles
from ingest.orchestrator.runs import retry
from ingest.orchestrator.start_jobs import start_next
from ingest.settings.loading import Settings
from ingest.system.failpoints import failpoint
from ingest.system.tracing import link

logger = logging.getLogger(__name__)

# The person whom the uploader sees when somebody else canceled the job; the event names the account.
AN_ADMIN = "an admin"


def cancel_job(
    settings: Settings, engine: Engine, airflow: AirflowApi, job_id: int, shown_as: str, account: str
) -> JobSnapshot:
    """Cancel a job and return it; also when Airflow is unavailable. May be repeated, and be called simultaneously.

    See `ingest.ledger.cancellation.cancel` for the names. Raises UnknownJob, JobFinished, JobBeingCataloged,
    DatabaseUnavailable.
    """
    job = cancel(engine, job_id, shown_as, account)
    link(job.received.traceparent)
    failpoint("cancel.committed", job_id)
    try:
        change_run(engine, airflow, job)
        start_next(settings, engine, lambda: airflow, job_id)
    except (ServiceUnavailable, DatabaseUnavailable) as error:
        logger.warning("job %d is canceled; housekeeping does what is left: %s", job_id, error.text)
    return job


def retry_job(engine: Engine, airflow: AirflowApi, job_id: int) -> None:
    """Continue a job, and make sure that it runs. May be repeated, and be called simultaneously.

    Raises UnknownJob, JobFinished, JobCanceled, RunNotStarted, AirflowNotReady, ServiceUnavailable, DatabaseUnavailable.
    """
    with report_obstacles(engine, airflow, job_id):
        retry(engine, airflow, job_id)
