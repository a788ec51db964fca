"""Running a local file as a job, in place of the bundle that the job had: `retry --path`, as in the original service.

Called by the command line. The order of writes: announce the upload and copy the file into the spool; fail the job by an
admin's hand, so that nothing of it runs or begins; take it over; remove what the archive holds of the old bundle; commit the
new one in place of the old one, and lift the admin's state; remove the old bundle; start the run. A process that dies in
between leaves a job that is failed and says why, or one that runs; call it again.
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
from ingest.orchestrator.runs import retry, set_state, settled, trigger
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.spool import Announced, file_name, receive
from ingest.states.job_state import failed
from ingest.states.stages import STAGES, Kind
from ingest.system.failpoints import failpoint

REPLACING = "its bundle is being replaced; call retry --path again if nothing happens"
EXTENSIONS = {Kind.INGEST: "tar", Kind.MOVE: "json"}


def run_file(
    settings: Settings, engine: Engine, airflow: AirflowApi, job_id: int, user: str, kind: Kind, path: Path
) -> None:
    """Make a local file the bundle (or the move document) of a job, and start the job.

    The job may be unknown. Raises JobFinished when the catalogue holds it, TransientError when a service is away.
    """
    try:
        job = jobs.read(engine, job_id)
    except UnknownJob:
        if not jobs.is_valid_id(job_id):
            raise
        with _copied(settings, engine, job_id, user, kind, path) as received:
            jobs.create(engine, received)
        settled(lambda: trigger(engine, airflow, received))
        return
    if job.received.kind is not kind:
        raise ConfigurationError(f"job {job_id} is of kind {job.received.kind}; a {kind} cannot take its place")
    with _copied(settings, engine, job_id, user, kind, path) as received:
        failpoint("replacing.copied", job_id)
        set_state(engine, airflow, job_id, failed(STAGES[kind][0], REPLACING))
        old_name = _replaced(settings, engine, received)
    failpoint("replacing.replaced", job_id)
    uploads.remove(
        engine, settings.volume_path, old_name, EventKind.BUNDLE_REMOVED, text=f"{old_name}, which was replaced"
    )
    retry(engine, airflow, job_id)


@contextmanager
def _copied(settings: Settings, engine: Engine, job_id: int, user: str, kind: Kind, path: Path) -> Iterator[Received]:
    """Copy a file into the spool; it stays there when the `with` block makes it a job's."""
    with path.open("rb") as file:
        # Of the open file: another one may have its name by now.
        upload = Announced(job_id, file_name(job_id, EXTENSIONS[kind]), os.fstat(file.fileno()).st_size)
        with uploads.announced(engine, settings.volume_path, upload):
            size = receive(file, settings.volume_path, upload, settings.transfer_size)
            yield Received(job_id, kind, user, upload.name, size)


def _replaced(settings: Settings, engine: Engine, received: Received) -> str:
    """Take the job over, and give it the new bundle in place of all that there is of the old one; gives the old name."""
    with acquire_job(engine, received.job_id, STAGES[received.kind][0], NO_ATTEMPT, by_admin=True) as lease:
        if lease is None:
            raise JobFinished(f"job {received.job_id} is catalogued; its bundle cannot be replaced")
        with closing(make_services(settings, engine)) as services:
            remove_uncataloged(StageContext(settings, lease, services))
        failpoint("replacing.removed", received.job_id)
        _replace(lease, received)
        return lease.job.received.spool_name


def _replace(lease: JobLease, received: Received) -> None:
    with lease.transaction() as session:
        session.execute(delete(File).where(File.job_id == lease.job_id))
        job = jobs.get_job(session, lease.job_id)
        uploads.claim(session, received.spool_name)
        if job.spool_name != REMOVED:
            uploads.release(session, job.spool_name, job.id, job.size)
        if job.user != received.user:
            # It was in the other user's token.
            job.submitter_claim = None
        job.spool_name, job.size, job.user = received.spool_name, received.size, received.user
        job.skipped_members = 0
        job.finished = job.outcome = job.error = job.holder = job.override = None
        add_event(session, lease.job_id, EventKind.BUNDLE_REPLACED, text=received.spool_name)
