"""Each kind of inconsistency of an ended job is found; jobs in progress are not compared."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from ingest.ledger import jobs
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import CatalogEntry, CatalogFile, CatalogTransaction, Event, File, Job
from ingest.operations.reconcile.findings import Counts
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.states.job_record import Outcome
from ingest.states.job_state import failed
from ingest.states.stages import Stage
from tests.job_fixtures import MakeOld
from tests.operations.reconcile.conftest import Compare, ids_of, stored, summaries
from tests.services.archive_folders import put
from tools.bundles import CONTENTS

TWO = "data/a/c/two.bin"


def drop_transaction(engine: Engine, job: int) -> None:
    with Session(engine) as session, session.begin():
        for table in (CatalogFile, CatalogEntry):
            session.execute(delete(table).where(table.transaction_id == job))
        session.execute(delete(CatalogTransaction).where(CatalogTransaction.id == job))


def test_consistent_jobs_have_no_findings(
    cataloged: int, rejected: int, failed: int, in_progress: int, compare: Compare, counts: Counts
):
    assert compare(hash_percent=100.0) == []
    summary = counts.summary()
    # The archive is checked for files of the rejected job, too.
    assert (summary["jobs"], summary["going_on"]) == (3, 1)
    assert (summary["files"], summary["hashed"]) == (2 * len(CONTENTS) + 2, 2 * len(CONTENTS))


@pytest.mark.parametrize("ended", ["cataloged", "failed"])
def test_file_that_the_archive_lacks_is_lost(
    ended: str, request: pytest.FixtureRequest, compare: Compare, database_engine: Engine, tmp_path: Path
):
    job = request.getfixturevalue(ended)
    file_id = ids_of(database_engine, job)[TWO]
    stored(tmp_path / "archive", file_id).unlink()
    found = compare(hash_percent=0.0)
    assert summaries(found) == [("lost", job, file_id)]
    assert found[0].path == TWO.removeprefix("data/")


def test_file_that_was_cut_is_corrupt(cataloged: int, compare: Compare, database_engine: Engine, tmp_path: Path):
    file_id = ids_of(database_engine, cataloged)[TWO]
    with stored(tmp_path / "archive", file_id).open("r+b") as file:
        file.truncate(10)
    assert summaries(compare(hash_percent=0.0)) == [("corrupt", cataloged, file_id)]


def test_byte_that_was_changed_is_found_by_reading_the_file(
    cataloged: int, compare: Compare, database_engine: Engine, tmp_path: Path
):
    file_id = ids_of(database_engine, cataloged)[TWO]
    with stored(tmp_path / "archive", file_id).open("r+b") as file:
        file.write(b"!")
    assert compare(hash_percent=0.0) == []
    assert summaries(compare(hash_percent=100.0)) == [("corrupt", cataloged, file_id)]


def test_transaction_that_the_catalog_lacks(cataloged: int, compare: Compare, database_engine: Engine):
    drop_transaction(database_engine, cataloged)
    assert summaries(compare()) == [("uncatalogued", cataloged, None)]


def test_transaction_with_another_hash_and_another_file(cataloged: int, compare: Compare, database_engine: Engine):
    ids = ids_of(database_engine, cataloged)
    with Session(database_engine) as session, session.begin():
        file = session.get_one(CatalogFile, ids[TWO])
        file.entry = {**file.entry, "hashsum": "0" * 40}
        session.add(CatalogFile(id=10**6, transaction_id=cataloged, entry=file.entry))
        session.delete(session.get_one(CatalogFile, ids["data/日本.txt"]))
    conflicts = [("conflict", cataloged, file_id) for file_id in (ids[TWO], ids["data/日本.txt"], 10**6)]
    assert sorted(summaries(compare())) == sorted(conflicts)


def test_transaction_of_a_job_that_was_rejected(rejected: int, compare: Compare, database_engine: Engine):
    with Session(database_engine) as session, session.begin():
        session.add(CatalogTransaction(id=rejected))
    assert summaries(compare()) == [("conflict", rejected, None)]


@pytest.mark.parametrize(("content", "is_ours"), [(b"as declared", True), (b"somebody's", False)])
def test_file_of_a_job_that_was_rejected_is_dark(
    rejected: int, compare: Compare, database_engine: Engine, services: Services, content: bytes, is_ours: bool
):
    assert isinstance(services.archive, FolderArchive)
    file_id = ids_of(database_engine, rejected)["data/kept.txt"]
    put(services.archive, file_id, content)
    found = compare()
    assert summaries(found) == [("dark", rejected, file_id)]
    assert found[0].ours is is_ours


def test_file_under_an_id_that_was_never_sent_is_foreign(
    rejected: int, compare: Compare, database_engine: Engine, services: Services
):
    assert isinstance(services.archive, FolderArchive)
    with Session(database_engine) as session, session.begin():
        session.execute(delete(Event).where(Event.job_id == rejected, Event.stage == Stage.INGEST_FILES))
    put(services.archive, ids_of(database_engine, rejected)["data/kept.txt"], b"as declared")
    assert compare() == []


@pytest.mark.parametrize("outcome", [None, Outcome.CATALOGING])
def test_failed_job_that_the_catalog_holds_is_a_conflict_that_a_retry_solves(
    failed: int, compare: Compare, services: Services, database_engine: Engine, outcome: Outcome | None
):
    document = json.dumps([{"destinationTable": "Transactions._id", "value": failed}]).encode()
    services.metadata.ingest(failed, BytesIO(document), len(document))
    with Session(database_engine) as session, session.begin():
        session.execute(update(Job).where(Job.id == failed).values(outcome=outcome))
    [found] = compare()
    assert (str(found.problem), found.job_id, found.remedy.split(":")[0]) == ("conflict", failed, "retry the job")


def test_job_in_progress_is_not_compared(
    in_progress: int, compare: Compare, counts: Counts, database_engine: Engine, tmp_path: Path
):
    for file_id in ids_of(database_engine, in_progress).values():
        stored(tmp_path / "archive", file_id).unlink()
    assert compare() == []
    assert counts.summary()["going_on"] == 1


def test_job_that_an_admin_failed_is_idle_once_its_process_has_released_it(
    in_progress: int, compare: Compare, make_old: MakeOld, database_engine: Engine, tmp_path: Path
):
    stored(tmp_path / "archive", ids_of(database_engine, in_progress)[TWO]).unlink()
    jobs.override(database_engine, in_progress, failed(Stage.INGEST_METADATA, "by an admin"))
    with Session(database_engine) as session, session.begin():
        session.execute(update(Job).where(Job.id == in_progress).values(holder="a process"))
    assert compare() == []
    # Its process has reported nothing for more than an hour.
    make_old(in_progress, 1)
    assert len(compare()) == 1


def test_retried_job_is_not_compared(failed: int, compare: Compare, database_engine: Engine, tmp_path: Path):
    stored(tmp_path / "archive", ids_of(database_engine, failed)[TWO]).unlink()
    jobs.lift_override(database_engine, failed)
    assert compare() == []


def test_job_that_is_acquired_during_its_comparison_yields_nothing(
    failed: int,
    compare: Compare,
    counts: Counts,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    def begin_again(_archive: FolderArchive, _file_id: int) -> None:
        with acquire_job(database_engine, failed, Stage.INGEST_METADATA, 2):
            pass

    monkeypatch.setattr(FolderArchive, "size", begin_again)
    assert compare() == []
    assert (counts.summary()["jobs"], counts.summary()["going_on"]) == (0, 1)


def test_one_job_is_compared_alone(
    cataloged: int, failed: int, compare: Compare, database_engine: Engine, tmp_path: Path
):
    for job in (cataloged, failed):
        stored(tmp_path / "archive", ids_of(database_engine, job)[TWO]).unlink()
    assert [each.job_id for each in compare(job_id=failed)] == [failed]
    assert {each.job_id for each in compare()} == {failed, cataloged}


def test_files_without_an_id_are_in_no_archive(failed: int, compare: Compare, database_engine: Engine):
    with Session(database_engine) as session, session.begin():
        session.execute(update(File).where(File.job_id == failed).values(file_id=None, state="pending"))
    assert compare() == []
