"""Makes a local file the bundle of a job: `retry --path`, as in pacifica-ingest 0.4.1.

Called by the command line. The order of writes:

1. Announce the upload and copy the file into the spool.
2. Set the job to FAILED on behalf of the admin, so that no stage of it runs or starts.
3. Acquire the job and remove the files of the old bundle from the archive.
4. Commit the new bundle in place of the old one, and clear the FAILED state.
5. Remove the old bundle from the spool.
6. Start the run.

A process that dies in between leaves a job that runs, or one that is FAILED with REPLACING_TEXT; run the command again.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, delete

from ingest.archiving.rejection import remove_uncataloged
from ingest.context import StageContext
from ingest.errors.types import ConfigurationError, JobFinished, UnknownJob
from ingest.ledger import jobs, uploads
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.jobs import Received
from ingest.ledger.lease import NO_ATTEMPT, JobLease, acquire_job
from ingest.ledger.models import REMOVED, File
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.runs import repeat_on_collision, retry, set_state, trigger
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.spool import Announced, file_name
from ingest.spool.receive import receive
from ingest.states.job_state import failed
from ingest.states.stages import STAGES, Kind
from ingest.system.failpoints import failpoint

REPLACING_TEXT = "its bundle is being replaced; call retry --path again if nothing happens"
EXTENSIONS = {Kind.INGEST: "tar", Kind.MOVE: "json"}


def run_with_file(
    settings: Settings, engine: Engine, airflow: AirflowApi, job_id: int, user: str, kind: Kind, path: Path
) -> None:
    """Make a local file the bundle (or the move document) of a job, and start the job, which may be a new one.

    Raises JobFinished when the catalog holds the job, TransientError when a service is unavailable.
    """
    try:
        job = jobs.read(engine, job_id)
    except UnknownJob:
        if not jobs.is_valid_id(job_id):
            raise
        with _copy_to_spool(settings, engine, job_id, user, kind, path) as received:
            jobs.create(engine, received)
        repeat_on_collision(lambda: trigger(engine, airflow, received))
        return
    if job.received.kind is not kind:
        raise ConfigurationError(f"job {job_id} is of the kind {job.received.kind}; a {kind} cannot replace it")
    with _copy_to_spool(settings, engine, job_id, user, kind, path) as received:
        failpoint("replacing.copied", job_id)
        # Nothing has failed, so that webhooks are not notified.
        set_state(engine, airflow, job_id, failed(STAGES[kind][0], REPLACING_TEXT), notify=False)
        old_name = _replace_bundle(settings, engine, received)
    failpoint("replacing.replaced", job_id)
    uploads.remove(
        engine, settings.volume_path, old_name, EventKind.BUNDLE_REMOVED, text=f"{old_name}, which was replaced"
    )
    retry(engine, airflow, job_id)


@contextmanager
def _copy_to_spool(
    settings: Settings, engine: Engine, job_id: int, user: str, kind: Kind, path: Path
) -> Iterator[Received]:
    """Copy a file into the spool for the `with` block, which makes it the bundle of a job; otherwise remove the copy."""
    with path.open("rb") as file:
        # The size of the open file: the name may be that of another file by now.
        upload = Announced(job_id, file_name(job_id, EXTENSIONS[kind]), os.fstat(file.fileno()).st_size)
        with uploads.announced(engine, settings.volume_path, upload):
            size = receive(file, settings.volume_path, upload, settings.transfer_size)
            yield Received(job_id, kind, user, upload.name, size)


def _replace_bundle(settings: Settings, engine: Engine, received: Received) -> str:
    """Replace the bundle of a job and remove its files from the archive; return the old bundle's name in the spool."""
    with acquire_job(engine, received.job_id, STAGES[received.kind][0], NO_ATTEMPT, by_admin=True) as lease:
        if lease is None:
            raise JobFinished(f"job {received.job_id} is cataloged; its bundle cannot be replaced")
        # Canceled after its state was set, and before it was acquired.
        jobs.refuse_canceled(lease.job)
        with closing(make_services(settings, engine)) as services:
            remove_uncataloged(StageContext(settings, lease, services))
        failpoint("replacing.removed", received.job_id)
        _commit_bundle(lease, received)
        return lease.job.received.spool_name


def _commit_bundle(lease: JobLease, received: Received) -> None:
    with lease.transaction() as session:
        session.execute(delete(File).where(File.job_id == lease.job_id))
        job = jobs.get_job(session, lease.job_id)
        uploads.claim(session, received.spool_name, received.job_id)
        if job.spool_name != REMOVED:
            uploads.release(session, job.spool_name, job.id, job.size)
        if job.user != received.user:
            # The claim comes from the token of the previous user.
            job.submitter_claim = None
        job.spool_name, job.size, job.user = received.spool_name, received.size, received.user
        job.skipped_members = 0
        job.project = job.instrument = job.files = job.bytes = None
        job.finished = job.outcome = job.error = job.waiting = job.holder = job.override = None
        add_event(session, lease.job_id, EventKind.BUNDLE_REPLACED, text=received.spool_name)
