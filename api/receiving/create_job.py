"""Record a received file as a job: the point from which on the service answers for it.

Called by `api.routes.bundles`, in whose hands the file is again when this raises: the row of the upload tells whether
the job took it after all.
"""

import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from api.resources import Resources
from ingest.errors.types import DatabaseUnavailable, JobExists, ReceivedByOriginal, ServiceUnavailable, UnknownJob
from ingest.ledger import jobs, uploads
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.states.job_record import JobRecord

logger = logging.getLogger(__name__)

ID_ATTEMPTS = 5
# Seconds between the questions whether a commit arrived; long enough for a PostgreSQL that restarts.
SETTLE_PAUSES = (0.0, 1.0, 3.0, 6.0)


class OutcomeUnknown(DatabaseUnavailable):
    """The connection was lost in the commit, and the database does not come back to say what became of it."""

    code = "outcome_unknown"


def new_job_id(resources: Resources) -> int:
    """Get an id that no job has; raises ServiceUnavailable, DatabaseUnavailable.

    Asked of the database too, before anything is read: UniqueID has handed out ids twice, and a bundle that could not be
    recorded afterwards need not be sent at all.
    """
    for _ in range(ID_ATTEMPTS):
        job_id = resources.services.uniqueid.allocate("upload_job", 1)[0]
        if not _taken(resources, job_id):
            return job_id
    raise _no_new_id(resources)


def create_job(resources: Resources, received: Received) -> JobSnapshot:
    """Commit a job's row and give the job; if its id was taken meanwhile, the job gets another.

    The file keeps its name, whose number nobody reads. Raises ServiceUnavailable, DatabaseUnavailable (OutcomeUnknown),
    UploadAbandoned.
    """
    for _ in range(ID_ATTEMPTS):
        if _recorded(resources, received):
            return _view(resources, received)
        received = replace(received, job_id=new_job_id(resources))
    raise _no_new_id(resources)


def _recorded(resources: Resources, received: Received) -> bool:
    """Insert the row and give whether it is there: not, if another job has the id."""
    # A database that is away is found out here, while it is certain that nothing was committed.
    if _taken(resources, received.job_id):
        return False
    try:
        jobs.create(resources.engine, received)
    except JobExists:
        return False
    except DatabaseUnavailable:
        return _recorded_after_all(resources, received)
    return True


def _recorded_after_all(resources: Resources, received: Received) -> bool:
    for pause in SETTLE_PAUSES:
        time.sleep(pause)
        try:
            # Not only read: PostgreSQL may still be at the first insert, and a second one waits for its end.
            jobs.create(resources.engine, received)
        except JobExists:
            with suppress(DatabaseUnavailable):
                # Not by the job's row: it names no file any more when the job is catalogued already.
                return not uploads.is_announced(resources.engine, received.spool_name)
        except DatabaseUnavailable as error:
            logger.warning("job %d: is it recorded? %s", received.job_id, error.text)
        else:
            return True
    raise OutcomeUnknown(f"the database went away while job {received.job_id} was recorded; ask for its state later")


def _taken(resources: Resources, job_id: int) -> bool:
    try:
        jobs.read(resources.engine, job_id)
    except ReceivedByOriginal:
        pass
    except UnknownJob:
        return False
    logger.warning("UniqueID handed out the id of job %d again", job_id)
    return True


def _no_new_id(resources: Resources) -> ServiceUnavailable:
    reason = f"it gave ids of existing jobs {ID_ATTEMPTS} times in a row"
    return ServiceUnavailable("UniqueID", resources.settings.uniqueid_url, reason)


def _view(resources: Resources, received: Received) -> JobSnapshot:
    try:
        return jobs.read(resources.engine, received.job_id)
    except DatabaseUnavailable:
        # The job is safe; only the database's clock cannot be read.
        now = datetime.now(UTC)
        return JobSnapshot(received, JobRecord(received.kind), now, now, None, now)
