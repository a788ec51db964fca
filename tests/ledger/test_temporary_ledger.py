"""A ledger in temporary tables reaches no real table, and nothing of it remains."""

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import ProgrammingError

from ingest.bundles.bundle_metadata import DeclaredFile
from ingest.errors.fault_list import FaultList
from ingest.ledger.file_records import record_declarations
from ingest.ledger.files import totals
from ingest.ledger.jobs import Received
from ingest.ledger.models import File, Job, Upload
from ingest.ledger.temporary_ledger import temporary_ledger
from ingest.settings.loading import Settings
from ingest.states.stages import Kind, Stage
from tools.waiting import wait_until

RECEIVED = Received(0, Kind.INGEST, "ada", "", 10)
FILE = DeclaredFile(0, "a", 5, "sha1", "0" * 40, None)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


def rows_of(engine: Engine) -> list[int | None]:
    with engine.connect() as connection:
        return [connection.scalar(select(func.count()).select_from(model)) for model in (Job, File)]


def test_rows_are_in_the_temporary_tables_only(settings: Settings, database_engine: Engine):
    before = rows_of(database_engine)
    with temporary_ledger(settings, RECEIVED, Stage.LOAD_METADATA) as lease:
        record_declarations(lease, [FILE], FaultList())
        assert totals(lease) == (1, 5)
        assert rows_of(database_engine) == before
        assert rows_of(lease.engine) == [1, 1]
    assert rows_of(database_engine) == before


def test_a_table_without_a_temporary_one_is_not_found(settings: Settings):
    with (
        temporary_ledger(settings, RECEIVED, Stage.LOAD_METADATA) as lease,
        lease.engine.connect() as connection,
        pytest.raises(ProgrammingError, match='relation "upload" does not exist'),
    ):
        connection.execute(select(Upload))


def test_simultaneous_ledgers_do_not_see_each_other(settings: Settings):
    with (
        temporary_ledger(settings, RECEIVED, Stage.LOAD_METADATA) as one,
        temporary_ledger(settings, RECEIVED, Stage.LOAD_METADATA) as other,
    ):
        record_declarations(one, [FILE], FaultList())
        assert (totals(one), totals(other)) == ((1, 5), (0, 0))
        assert one.job_id != other.job_id


def test_the_tables_disappear_with_the_ledger(settings: Settings, database_engine: Engine):
    query = text("SELECT count(*) FROM pg_class WHERE relname = 'file' AND relpersistence = 't'")

    def are_there(number: int) -> bool:
        with database_engine.connect() as connection:
            return bool(connection.scalar(query) == number)

    # PostgreSQL removes tables a moment after their connection was closed, also those of the test before.
    with temporary_ledger(settings, RECEIVED, Stage.LOAD_METADATA):
        wait_until(lambda: are_there(1), 30, lambda: "the temporary tables are missing")
    wait_until(lambda: are_there(0), 30, lambda: "the temporary tables remain")
