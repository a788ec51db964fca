"""A job in a real ledger, with the built-in services, for tests that run stages in this process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, update

from ingest.cli import main
from ingest.context import StageContext
from ingest.errors.types import Rejection, ServiceUnavailable
from ingest.ledger import lease
from ingest.ledger.jobs import Received
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Event, Job
from ingest.operations import retention
from ingest.operations.reconcile import weekly
from ingest.services import Services, make_services
from ingest.services.metadata_catalog import BuiltInMetadata
from ingest.settings.loading import BUILT_IN, Settings, load_settings
from ingest.stages import run_stage as stage_wrapper
from ingest.stages.registry import STAGE_FUNCTIONS
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_creation import create_job
from tests.services.archive_folders import marked_archive
from tools.bundles import make_bundle
from tools.pacifica_core.core import Core

MakeJob = Callable[..., int]
RunStage = Callable[[int, Stage], object]
OpenContext = Callable[[int, Stage], AbstractContextManager[StageContext]]
MakeOld = Callable[..., None]
# The real catalog holds transactions of other tests, with the ids that the real UniqueID gave them.
BEYOND_OTHERS = 60_000_000
RunOnCore = Callable[..., Stage | None]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    (tmp_path / "spool").mkdir()
    (tmp_path / "move").mkdir()
    return Settings(
        volume_path=tmp_path / "spool",
        database_url=database_url,
        archiveinterface_url=marked_archive(tmp_path / "archive"),
        move_folders=(tmp_path / "move",),
    )


@pytest.fixture
def services(settings: Settings, database_engine: Engine) -> Iterator[Services]:
    made = make_services(settings, database_engine)
    yield made
    made.close()


@pytest.fixture
def shared_engine(database_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stages and operations that run in this process use the tests' engine and its open connections.

    Engines of their own would compile every statement and connect again, which would take most of the time of a test.
    """
    monkeypatch.setattr(database_engine, "dispose", lambda: None)
    for module in (main, retention, stage_wrapper, weekly):
        monkeypatch.setattr(module, "make_engine", lambda *_, **__: database_engine)


@pytest.fixture
def settings_in_environment(settings: Settings, shared_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment variables, for code that loads its settings itself."""
    monkeypatch.setenv("INGEST_CONFIG", "")
    monkeypatch.setenv("VOLUME_PATH", str(settings.volume_path))
    monkeypatch.setenv("INGEST_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ARCHIVEINTERFACE_URL", settings.archiveinterface_url)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the wait for the previous process, which is certainly dead in these tests."""
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)


@pytest.fixture
def make_job(settings: Settings, services: Services, database_engine: Engine) -> MakeJob:
    """Return a function that creates a job as the API does: its body in the spool, its row committed."""

    def make(body: bytes | None = None, kind: Kind = Kind.INGEST) -> int:
        content = make_bundle() if body is None else body
        job_id = services.uniqueid.allocate("upload_job", 1)[0]
        (settings.volume_path / f"{job_id}.tar").write_bytes(content)
        create_job(database_engine, Received(job_id, kind, "ada", f"{job_id}.tar", len(content)))
        return job_id

    return make


@pytest.fixture
def open_context(settings: Settings, services: Services, database_engine: Engine) -> OpenContext:
    """Return a function that acquires a job for a stage, as the wrapper does; an error inside acts like a kill."""

    @contextmanager
    def opened(job_id: int, stage: Stage) -> Iterator[StageContext]:
        with acquire_job(database_engine, job_id, stage, 1) as lease:
            assert lease is not None
            yield StageContext(settings, lease, services)

    return opened


@pytest.fixture
def run_stage(open_context: OpenContext) -> RunStage:
    """Return a function that runs one stage to its end."""

    def run(job_id: int, stage: Stage) -> object:
        with open_context(job_id, stage) as context:
            result = STAGE_FUNCTIONS[stage](context)
            context.lease.finish_stage()
            return result

    return run


@pytest.fixture
def run_before(run_stage: RunStage) -> Callable[[int, Stage], None]:
    """Return a function that runs the stages of an ingest that precede a stage."""

    def run(job_id: int, stage: Stage) -> None:
        stages = STAGES[Kind.INGEST]
        for each in stages[: stages.index(stage)]:
            run_stage(job_id, each)

    return run


@pytest.fixture
def make_old(database_engine: Engine) -> MakeOld:
    """Return a function that dates the end of a job some days back."""

    def make(job: int, days: float = 31) -> None:
        with database_engine.begin() as connection:
            at = func.now() - timedelta(days=days)
            connection.execute(update(Job).where(Job.id == job).values(updated=at))
            connection.execute(update(Event).where(Event.job_id == job).values(at=at))

    return make


@pytest.fixture
def failed(make_job: MakeJob, settings_in_environment: None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return a job with archived files, which has waited for the catalog as long as it may."""
    job = make_job()
    for stage in STAGES[Kind.INGEST][:-1]:
        stage_wrapper.run_stage(stage, job, 1, last_try=False)

    def unavailable(*_: object) -> None:
        raise ServiceUnavailable("metadata", "http://metadata", "no connection")

    with monkeypatch.context() as broken:
        broken.setattr(BuiltInMetadata, "ingest", unavailable)
        broken.setenv("INGEST_RETRY_FOR", "1")
        with pytest.raises(ServiceUnavailable):
            stage_wrapper.run_stage(Stage.INGEST_METADATA, job, 1, last_try=False)
    return job


@pytest.fixture
def run_on_core(
    core: Core, database_url: str, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunOnCore:
    """Return a function that runs a bundle through all stages on the real services.

    Variables add settings. It returns the stage that rejects the bundle, None if it is cataloged.
    """
    spool = tmp_path / "spool of the core"
    spool.mkdir()

    def run(body: bytes, user: str = "ada", **variables: str) -> Stage | None:
        own = {"UNIQUEID_URL": BUILT_IN, "INGEST_DATABASE_URL": database_url, "VOLUME_PATH": str(spool)}
        environment = {**core.settings(), **own, **variables}
        with monkeypatch.context() as patched:
            for name, value in {**environment, "INGEST_CONFIG": ""}.items():
                patched.setenv(name, value)
            with closing(make_services(load_settings(environment), database_engine)) as made:
                job = BEYOND_OTHERS + made.uniqueid.allocate("upload_job", 1)[0]
            (spool / f"{job}.tar").write_bytes(body)
            create_job(database_engine, Received(job, Kind.INGEST, user, f"{job}.tar", len(body)))
            for stage in STAGES[Kind.INGEST]:
                try:
                    stage_wrapper.run_stage(stage, job, 1, last_try=False)
                except Rejection:
                    return stage
        return None

    return run
