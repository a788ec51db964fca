"""Starts jobs in turn: each user has a limited number of jobs in Airflow, and later ones wait in the ledger.

Called by the API when a job was received, by the wrapper of the stages when a job has ended or waits for a service, and by
housekeeping for jobs that those two could not start. A job may start when fewer than `user_running_jobs` unfinished jobs of
its user were received before it, without those that wait for a service. The ledger alone decides this, because a killed
process could leave a counter wrong.
"""

import logging
from collections.abc import Callable

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable, ServiceUnavailable
from ingest.ledger import user_jobs
from ingest.ledger.database import transaction
from ingest.ledger.job_snapshots import Received, to_snapshot
from ingest.ledger.user_shares import share_of
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.runs import trigger
from ingest.settings.loading import Settings

logger = logging.getLogger(__name__)


def start(settings: Settings, engine: Engine, airflow: AirflowApi, received: Received) -> bool:
    """Trigger a job's run if it is the job's turn; return whether it is. Raises ServiceUnavailable, DatabaseUnavailable."""
    if not may_start(settings, engine, received):
        return False
    trigger(engine, airflow, received)
    return True


def may_start(settings: Settings, engine: Engine, received: Received) -> bool:
    """Return whether it is a job's turn: few enough unfinished jobs of its user were received before it."""
    limit = share_of(settings, received.user).running_jobs
    if limit is None:
        return True
    with transaction(engine) as session:
        return user_jobs.count_ahead(session, received.job_id, limit) < limit


def reason_to_wait(settings: Settings, engine: Engine, received: Received) -> str:
    """Return why a job without a run waits, or "" if it is its turn."""
    if may_start(settings, engine, received):
        return ""
    limit = share_of(settings, received.user).running_jobs
    return f"waits for earlier jobs of the same user: {limit} of them run at a time"


def start_next(settings: Settings, engine: Engine, connect: Callable[[], AirflowApi], job_id: int) -> None:
    """Start the jobs that waited for a job, if it has ended or waits for a service; on an error, leave them to housekeeping.

    `connect` is called only if there is a job to start.
    """
    try:
        if waiting := _waiting_for(settings, engine, job_id):
            airflow = connect()
            for received in waiting:
                trigger(engine, airflow, received)
    except (ServiceUnavailable, DatabaseUnavailable) as error:
        logger.warning("housekeeping will start the jobs that wait for job %d: %s", job_id, error.text)


def _waiting_for(settings: Settings, engine: Engine, job_id: int) -> list[Received]:
    with transaction(engine) as session:
        user = user_jobs.user_of_stopped(session, job_id)
        limit = share_of(settings, user).running_jobs if user is not None else None
        if user is None or limit is None:
            return []
        first = user_jobs.first_unfinished(session, user, limit)
        return [to_snapshot(job).received for job in first if job.triggered is None]
