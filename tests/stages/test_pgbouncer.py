"""The ledger behind a real PgBouncer in transaction mode, whose sessions change from transaction to transaction."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import Engine, text

from ingest.context import StageContext
from ingest.errors.types import JobBusy
from ingest.ledger import jobs, locks
from ingest.ledger.database import make_engine
from ingest.ledger.jobs import Received
from ingest.ledger.lease import acquire_job
from ingest.ledger.temporary_ledger import temporary_ledger
from ingest.local.layout import Layout
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.stages.registry import STAGE_FUNCTIONS
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob
from tools.stack import free_port
from tools.waiting import wait_until

PROGRAM = "pgbouncer"
pytestmark = pytest.mark.skipif(not shutil.which(PROGRAM), reason="pgbouncer is not installed")

# As the documentation recommends, except for authentication.
CONFIGURATION = """
[databases]
ingest = host={sockets} user=ingest
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
"""
# PgBouncer does not run as root. As PostgreSQL, it enters the folder of the sockets by a capability.
START = """
import os, sys
from ingest.local.privileges import account, become
if account():
    become(account())
os.execvp(sys.argv[1], sys.argv[1:])
"""
SECONDS = 60
# Its lock stays until PgBouncer ends, so it is that of no job.
NO_JOB = 2_000_000_000


@pytest.fixture(scope="module")
def pooled_url(postgres: Layout, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of the ledger's database through PgBouncer, which has two connections to PostgreSQL."""
    assert database_url
    port = free_port()
    path = tmp_path_factory.mktemp("pgbouncer") / "pgbouncer.ini"
    path.write_text(CONFIGURATION.format(sockets=postgres.sockets, port=port))
    process = subprocess.Popen([sys.executable, "-c", START, PROGRAM, "--quiet", str(path)])
    url = f"postgresql://ingest@127.0.0.1:{port}/ingest"
    try:
        wait_until(lambda: answers(url), SECONDS, lambda: "PgBouncer does not answer")
        yield url
    finally:
        process.terminate()
        process.wait(SECONDS)


def answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


@pytest.fixture
def pooled(settings: Settings, pooled_url: str) -> Settings:
    """Return the settings of a service whose connections lead through PgBouncer, but for its sessions."""
    return settings.model_copy(update={"database_url": pooled_url, "session_database_url": settings.database_url})


@pytest.fixture
def engine(pooled: Settings) -> Iterator[Engine]:
    """Return an engine of the ledger behind PgBouncer."""
    made = make_engine(pooled)
    yield made
    made.dispose()


def run_stages(settings: Settings, engine: Engine, job: int) -> None:
    services = make_services(settings, engine)
    for stage in STAGES[Kind.INGEST]:
        with acquire_job(engine, job, stage, 1) as lease:
            assert lease is not None
            STAGE_FUNCTIONS[stage](StageContext(settings, lease, services))
            lease.finish_stage()
    services.close()


def test_all_stages_of_a_job_run_behind_a_pooler(pooled: Settings, engine: Engine, make_job: MakeJob):
    job = make_job()
    run_stages(pooled, engine, job)
    assert jobs.read(engine, job).record.is_cataloged


def test_a_job_has_one_process_behind_a_pooler(engine: Engine, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "JOB_LOCK_SECONDS", 1)
    job = make_job()
    # Without the second URL, the lock would be that of a session that other transactions use, too.
    with acquire_job(engine, job, Stage.OPEN_TAR, 1), pytest.raises(JobBusy), locks.hold_job_lock(engine, job):
        pass
    with locks.hold_job_lock(engine, job):
        pass


def test_a_lock_behind_a_pooler_outlives_its_holder(pooled_url: str, engine: Engine):
    """The reason for the second URL."""
    with closing(psycopg2.connect(pooled_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [NO_JOB])
        connection.commit()
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :job")
    with engine.connect() as other:
        assert other.scalar(held, {"job": NO_JOB}) == 1


def test_temporary_tables_bypass_the_pooler(pooled: Settings):
    with temporary_ledger(pooled, Received(0, Kind.INGEST, "ada", "", 10), Stage.LOAD_METADATA) as lease:
        with lease.transaction() as first:
            session = first.scalar(text("SELECT pg_backend_pid()"))
        with lease.transaction() as second:
            assert second.scalar(text("SELECT pg_backend_pid()")) == session
