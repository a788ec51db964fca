"""Makes another file the bundle of a job, as `retry --path` in pacifica-ingest 0.4.1 does.

Called by the command line, and by `ingest.operations.upload_bundle` for an upload on the page of a job. The order of writes:

1. Announce the upload and copy the file into the spool.
2. Set the job to FAILED on behalf of the admin, so that no stage of it runs or starts.
3. Acquire the job and remove the files of the old bundle from the archive.
4. Commit the new bundle in place of the old one, and clear the FAILED state.
5. Remove the old bundle from the spool.
6. Start the run.

A process that dies in between leaves a job that runs, or one that is FAILED with REPLACING_TEXT; replace the bundle again.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from ingest.archiving.rejection import remove_uncataloged
from ingest.context import StageContext
from ingest.errors.types import BundleNotReplaceable, ConfigurationError, JobFinished, UnknownJob
from ingest.ledger import jobs, uploads
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.files import may_be_stored
from ingest.ledger.job_snapshots import JobSnapshot, Received
from ingest.ledger.lease import NO_ATTEMPT, JobLease, acquire_job
from ingest.ledger.models import REMOVED, File
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.runs import repeat_on_collision, retry, set_state, trigger
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.spool import Announced, Readable, file_name
from ingest.spool.receive import receive
from ingest.states.job_state import failed
from ingest.states.stages import STAGES, Kind
from ingest.system.failpoints import failpoint

REPLACING_TEXT = "its bundle is being replaced; replace it again if nothing happens"
EXTENSIONS = {Kind.INGEST: "tar", Kind.MOVE: "json"}


@dataclass(frozen=True)
class NewBundle:
    """A bundle that replaces that of a job.

    - `size`: the number of its bytes.
    - `user`: the user of the job from now on.
    - `account`: who sent it, unless it came by the command line.
    - `may_remove`: whether files of the old bundle may be removed from the archive; otherwise there must be none.
    - `check`: called when the bundle has arrived; raises an error if the job has to keep its old one.
    """

    stream: Readable
    size: int
    user: str
    account: str = ""
    may_remove: bool = True
    check: Callable[[], object] = lambda: None


def run_with_file(
    settings: Settings, engine: Engine, airflow: AirflowApi, job_id: int, user: str, kind: Kind, path: Path
) -> None:
    """Make a local file the bundle (or the move document) of a job, and start the job, which may be a new one.

    Raises JobFinished when the catalog holds the job, TransientError when a service is unavailable.
    """
    with path.open("rb") as file:
        # The size of the open file: the name may be that of another file by now.
        bundle = NewBundle(file, os.fstat(file.fileno()).st_size, user)
        try:
            job = jobs.read(engine, job_id)
        except UnknownJob:
            if not jobs.is_valid_id(job_id):
                raise
            with _copy_to_spool(settings, engine, job_id, kind, bundle) as received:
                jobs.create(engine, received)
            repeat_on_collision(lambda: trigger(engine, airflow, received))
            return
        if job.received.kind is not kind:
            raise ConfigurationError(f"job {job_id} is of the kind {job.received.kind}; a {kind} cannot replace it")
        replace_bundle(settings, engine, airflow, job, bundle)


def replace_bundle(
    settings: Settings, engine: Engine, airflow: AirflowApi, job: JobSnapshot, bundle: NewBundle, kept_free: int = 0
) -> None:
    """Make a bundle that of an existing job, and start the job; `kept_free` bytes of the spool's disk stay free.

    Raises JobFinished, JobCanceled, BundleNotReplaceable, TransientError, and the errors of the bundle's stream.
    """
    job_id, kind = job.received.job_id, job.received.kind
    with _copy_to_spool(settings, engine, job_id, kind, bundle, kept_free) as received:
        bundle.check()
        failpoint("replacing.copied", job_id)
        # Nothing has failed, so that webhooks are not notified.
        set_state(engine, airflow, job_id, failed(STAGES[kind][0], REPLACING_TEXT), notify=False)
        old_name = _exchange(settings, engine, received, bundle)
    failpoint("replacing.replaced", job_id)
    uploads.remove(
        engine, settings.volume_path, old_name, EventKind.BUNDLE_REMOVED, text=f"{old_name}, which was replaced"
    )
    retry(engine, airflow, job_id)


@contextmanager
def _copy_to_spool(
    settings: Settings, engine: Engine, job_id: int, kind: Kind, bundle: NewBundle, kept_free: int = 0
) -> Iterator[Received]:
    """Copy a bundle into the spool for the `with` block, which makes it that of a job; otherwise remove the copy."""
    upload = Announced(job_id, file_name(job_id, EXTENSIONS[kind]), bundle.size)
    with uploads.announced(engine, settings.volume_path, upload, kept_free):
        size = receive(bundle.stream, settings.volume_path, upload, settings.transfer_size)
        yield Received(job_id, kind, bundle.user, upload.name, size)


def _exchange(settings: Settings, engine: Engine, received: Received, bundle: NewBundle) -> str:
    """Replace the bundle of a job and remove its files from the archive; return the old bundle's name in the spool."""
    with acquire_job(engine, received.job_id, STAGES[received.kind][0], NO_ATTEMPT, by_admin=True) as lease:
        if lease is None:
            raise JobFinished(f"job {received.job_id} is cataloged; its bundle cannot be replaced")
        # Canceled after its state was set, and before it was acquired.
        jobs.refuse_canceled(lease.job)
        if not bundle.may_remove:
            # A process of the job may have continued until now, and may have sent files.
            with lease.transaction() as session:
                refuse_stored(session, lease.job_id)
        with closing(make_services(settings, engine)) as services:
            remove_uncataloged(StageContext(settings, lease, services))
        failpoint("replacing.removed", received.job_id)
        _commit_bundle(lease, received, bundle.account)
        return lease.job.received.spool_name


def refuse_stored(session: Session, job_id: int) -> None:
    """Raise BundleNotReplaceable if the archive may hold files of a job."""
    if may_be_stored(session, job_id):
        raise BundleNotReplaceable(
            f"the archive may hold files of job {job_id}; `pacifica-ingest-cmd retry --path` removes them before it "
            "replaces the bundle"
        )


def _commit_bundle(lease: JobLease, received: Received, account: str) -> None:
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
        text = f"{received.spool_name} by {account}" if account else received.spool_name
        add_event(session, lease.job_id, EventKind.BUNDLE_REPLACED, text=text)
