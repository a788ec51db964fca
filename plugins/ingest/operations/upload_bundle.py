"""Makes an upload on the page of a job the bundle of this job. Called by both places that serve pages.

The process that serves pages may not reach the archive, so the archive must hold nothing of the job.
"""

from sqlalchemy import Engine

from ingest.errors.types import BundleNotReplaceable
from ingest.ledger.database import transaction
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.jobs import get_job
from ingest.operations.replace_bundle import NewBundle, refuse_stored, replace_bundle
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.spool import Readable
from ingest.states.stages import Kind


def run_with_upload(
    settings: Settings, engine: Engine, airflow: AirflowApi, job_id: int, stream: Readable, size: int, account: str
) -> None:
    """Make an upload of `size` bytes the bundle of a failed job, and start the job, which keeps its user.

    Raises UnknownJob, BundleNotReplaceable, TransientError, and the errors of the stream.
    """
    job = check_replaceable(engine, job_id)

    def check() -> None:
        # While the bundle arrived, the job may have been retried, canceled, or have got another one.
        check_replaceable(engine, job_id)

    bundle = NewBundle(stream, size, job.received.user, account, may_remove=False, check=check)
    replace_bundle(settings, engine, airflow, job, bundle, settings.spool_kept_free)


def check_replaceable(engine: Engine, job_id: int) -> JobSnapshot:
    """Return a job whose bundle an upload may replace; raises UnknownJob, BundleNotReplaceable, DatabaseUnavailable."""
    with transaction(engine) as session:
        job = to_snapshot(get_job(session, job_id))
        if job.received.kind is not Kind.INGEST:
            raise BundleNotReplaceable(f"job {job_id} is a move; send a new move document as a new job")
        if job.record.is_canceled or not job.record.is_stopped:
            raise BundleNotReplaceable(
                f"job {job_id} has not failed, or was canceled; only a failed job gets another bundle"
            )
        refuse_stored(session, job_id)
    return job
