"""Running a local file as a job, in place of the bundle that the job had: `retry --path`, as in the original service.

Called by the command line. The order of writes: copy the file into the spool; fail the job by an admin's hand, so that
nothing of it runs or begins; take it over; remove what the archive holds of the old bundle; commit the new one and lift the
admin's state; start the run. A process that dies in between leaves a job that is failed and says why; call it again.
"""

from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, delete

from ingest import jobs
from ingest.airflow_api import AirflowApi
from ingest.context import StageContext
from ingest.errors import CatalogueConflict, ConfigurationError, JobFinished, UnknownJob
from ingest.jobs import Received
from ingest.ledger import Ledger, hold
from ingest.models import File
from ingest.rejection import remove_all
from ingest.running import retry, set_state, trigger
from ingest.services import make_services
from ingest.settings import Settings
from ingest.spool import file_name, receive
from ingest.states import STAGES, Kind, failed

NO_ATTEMPT = 0
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
        if not jobs.is_possible(job_id):
            raise
        received = _copied(settings, job_id, user, kind, path)
        jobs.create(engine, received)
        trigger(engine, airflow, received)
        return
    if job.received.kind is not kind:
        raise ConfigurationError(f"job {job_id} is of kind {job.received.kind}; a {kind} cannot take its place")
    received = _copied(settings, job_id, user, kind, path)
    set_state(engine, airflow, job_id, failed(STAGES[kind][0], REPLACING))
    with hold(engine, job_id, STAGES[kind][0], NO_ATTEMPT, by_admin=True) as ledger:
        if ledger is None:
            raise JobFinished(f"job {job_id} is catalogued; its bundle cannot be replaced")
        with closing(make_services(settings, engine)) as services:
            _remove_old(StageContext(settings, ledger, services))
        _replace(ledger, received)
    if job.received.spool_name != jobs.REMOVED:
        (settings.volume_path / job.received.spool_name).unlink(missing_ok=True)
    retry(engine, airflow, job_id)


def _remove_old(context: StageContext) -> None:
    if context.services.metadata.find(context.ledger.job_id) is not None:
        raise CatalogueConflict(
            f"the catalogue holds transaction {context.ledger.job_id} already; retry without --path"
        )
    remove_all(context)


def _copied(settings: Settings, job_id: int, user: str, kind: Kind, path: Path) -> Received:
    name = file_name(job_id, EXTENSIONS[kind])
    with path.open("rb") as file:
        size = receive(file, settings.volume_path / name, path.stat().st_size, settings.transfer_size)
    return Received(job_id, kind, user, name, size)


def _replace(ledger: Ledger, received: Received) -> None:
    with ledger.transaction() as session:
        session.execute(delete(File).where(File.job_id == ledger.job_id))
        job = jobs.existing(session, ledger.job_id)
        job.spool_name, job.size, job.user = received.spool_name, received.size, received.user
        job.finished = job.outcome = job.error = job.holder = job.override = None
        jobs.add_event(session, ledger.job_id, "bundle_replaced", text=received.spool_name)
