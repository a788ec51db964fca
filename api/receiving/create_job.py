"""Record a received file as a job. From then on the service guarantees that the job runs.

Called by `api.routes.bundles` and `api.receiving.resumable`. When `create_job` raises, the caller still owns the file; the
row of the upload shows whether the job was created after all.
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
from ingest.orchestrator import start_jobs
from ingest.states.job_record import JobRecord
from ingest.system.tracing import JOB, annotate

logger = logging.getLogger(__name__)

MAX_ID_ATTEMPTS = 5
# Seconds before each retry of a commit whose outcome is unknown; together long enough for a restart of PostgreSQL.
RETRY_PAUSES = (0.0, 1.0, 3.0, 6.0)


class OutcomeUnknown(DatabaseUnavailable):
    """The connection was lost during the commit, and the database remains unavailable: the job may exist."""

    code = "outcome_unknown"


def new_job_id(resources: Resources) -> int:
    """Allocate an id that no job has; raises ServiceUnavailable, DatabaseUnavailable.

    The database is checked before the body is read: UniqueID has allocated ids twice, and an unavailable database is
    reported before the bundle is sent.
    """
    for _ in range(MAX_ID_ATTEMPTS):
        job_id = resources.services.uniqueid.allocate("upload_job", 1)[0]
        if not _is_taken(resources, job_id):
            return job_id
    raise _no_new_id(resources)


def create_job(resources: Resources, received: Received, sha256: bytes | None = None) -> JobSnapshot:
    """Commit a job's row and return the job; if its id was taken in the meantime, the job gets another.

    `sha256` is the digest of the file if its request has an idempotency key. The file keeps its name: nothing reads the
    number in it. Raises ServiceUnavailable, DatabaseUnavailable (OutcomeUnknown), UploadAbandoned, IdempotencyKeyInUse.
    """
    for _ in range(MAX_ID_ATTEMPTS):
        if _record(resources, received, sha256):
            annotate({JOB: received.job_id})
            return _snapshot(resources, received)
        received = replace(received, job_id=new_job_id(resources))
    raise _no_new_id(resources)


def start_job(resources: Resources, job: Received, begun: float) -> None:
    """Start the job if it may start, and log that it was received; after a failure housekeeping starts it later.

    `begun` is when the request began, by the monotonic clock.
    """
    triggered = _start(resources, job)
    logger.info(
        "job %d received: kind=%s bytes=%d user=%r seconds=%.2f triggered=%s",
        job.job_id, job.kind, job.size, job.user, time.monotonic() - begun, triggered,
        extra={"job": job.job_id},
    )  # fmt: skip


def _start(resources: Resources, job: Received) -> bool:
    try:
        return start_jobs.start(resources.settings, resources.engine, resources.airflow, job)
    except (ServiceUnavailable, DatabaseUnavailable) as error:
        logger.warning("job %d: housekeeping will trigger it: %s", job.job_id, error.text, extra={"job": job.job_id})
        return False


def _record(resources: Resources, received: Received, sha256: bytes | None) -> bool:
    """Insert the row; return False if another job has the id."""
    # Detects an unavailable database while it is certain that nothing was committed.
    if _is_taken(resources, received.job_id):
        return False
    try:
        jobs.create(resources.engine, received, sha256)
    except JobExists:
        return False
    except DatabaseUnavailable:
        return _record_again(resources, received, sha256)
    return True


def _record_again(resources: Resources, received: Received, sha256: bytes | None) -> bool:
    """Repeat an insert whose outcome is unknown; raises OutcomeUnknown when the database remains unavailable."""
    for pause in RETRY_PAUSES:
        time.sleep(pause)
        try:
            # An insert, not a read: PostgreSQL may still be executing the first insert, and a second one waits for it.
            jobs.create(resources.engine, received, sha256)
        except JobExists:
            with suppress(DatabaseUnavailable):
                # The upload's row decides: the job's row names no file any more if the job is already cataloged.
                return not uploads.is_announced(resources.engine, received.spool_name)
        except DatabaseUnavailable as error:
            logger.warning(
                "job %d: unknown whether it was recorded: %s",
                received.job_id,
                error.text,
                extra={"job": received.job_id},
            )
        else:
            return True
    raise OutcomeUnknown(
        f"the database became unavailable while job {received.job_id} was recorded; query the job's state later"
    )


def _is_taken(resources: Resources, job_id: int) -> bool:
    try:
        jobs.read(resources.engine, job_id)
    except ReceivedByOriginal:
        pass
    except UnknownJob:
        return False
    logger.warning("UniqueID allocated the id of job %d again", job_id, extra={"job": job_id})
    return True


def _no_new_id(resources: Resources) -> ServiceUnavailable:
    reason = f"it returned ids of existing jobs {MAX_ID_ATTEMPTS} times in a row"
    return ServiceUnavailable("UniqueID", resources.settings.uniqueid_url, reason)


def _snapshot(resources: Resources, received: Received) -> JobSnapshot:
    try:
        return jobs.read(resources.engine, received.job_id)
    except DatabaseUnavailable:
        # The job is committed; only the timestamps of the database are unknown.
        now = datetime.now(UTC)
        return JobSnapshot(received, JobRecord(received.kind), now, now, None, now)
