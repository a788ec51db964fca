"""Deletes dark files of a job from the archive, when an admin requests it.

Called by `ingest.operations.reconcile.comparison`. Deletes only files that this service certainly sent, which it checks
again while it holds the job.
"""

from ingest.archiving.rejection import remove
from ingest.context import StageContext
from ingest.ledger.events import EventKind
from ingest.ledger.files import batches, files_with_ids
from ingest.ledger.lease import NO_ATTEMPT, acquire_job
from ingest.operations.reconcile.idle_jobs import ComparedJob
from ingest.operations.reconcile.stored_files import is_dark, is_ours
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.system.failpoints import failpoint


def delete_dark(settings: Settings, services: Services, compared: ComparedJob) -> int:
    """Delete the dark files of a job; return their number. The state of the job does not change.

    Raises FenceLost when the job is being processed again, JobBusy, ServiceUnavailable, DatabaseUnavailable. A process that
    dies in between leaves files that are `deleting` (for moves: `sending`), which the next one deletes.
    """
    compared.check()
    with acquire_job(compared.lease.engine, compared.job_id, compared.lease.stage, NO_ATTEMPT, by_admin=True) as lease:
        if lease is None:
            return 0
        if not lease.job.record.is_stopped:
            lease.release()
            return 0
        failpoint("reconcile.held", compared.job_id)
        context, deleted, outcome = StageContext(settings, lease, services), 0, lease.job.record.outcome
        dark = (file for file in files_with_ids(lease) if is_dark(services, outcome, file))
        for batch in batches(file for file in dark if is_ours(services.archive, file)):
            remove(context, batch)
            deleted += len(batch)
        failpoint("reconcile.deleted", compared.job_id)
        lease.event(EventKind.DARK_FILES_DELETED, f"{deleted} files, from the archive", holder=None)
    return deleted
