"""Allocated ids that files of other systems already have: those files are unchanged, and the job gets new ids."""

import json
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.archiving import batches, deletion
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.models import CatalogFile, Event, File
from ingest.services import Services
from ingest.services.uniqueid import BuiltInUniqueID, IdMode
from ingest.settings.loading import Settings
from ingest.stages import ingest_metadata
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tests.killing import Killed, Patch, kill_at_step
from tools.bundles import CONTENTS, file_entry, transaction

pytestmark = pytest.mark.usefixtures("no_waiting")


FOREIGN = b"another system's"
RunBefore = Callable[[int, Stage], None]
STEPS: list[Patch] = [
    (ingest_metadata, "remove"),
    (ingest_metadata, "replace_ids"),
    (deletion, "mark_deleting"),
    (deletion, "mark_removed"),
    (batches, "mark_sending"),
    (batches, "mark_archived"),
]


@pytest.fixture
def job(make_job: MakeJob, run_before: RunBefore) -> int:
    """Return a job whose files are not sent yet."""
    job_id = make_job()
    run_before(job_id, Stage.INGEST_FILES)
    return job_id


def ids_of(engine: Engine, job_id: int) -> list[int]:
    with Session(engine) as session:
        found = session.scalars(select(File.file_id).where(File.job_id == job_id).order_by(File.path)).all()
    return [file_id for file_id in found if file_id is not None]


def event_kinds(engine: Engine, job_id: int) -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(Event.kind).where(Event.job_id == job_id)))


def put_foreign(services: Services, file_id: int) -> None:
    services.archive.put(file_id, BytesIO(FOREIGN), len(FOREIGN))


def contents(services: Services, ids: list[int]) -> list[bytes]:
    return [b"".join(services.archive.get(file_id)) for file_id in ids]


def contents_by_path() -> list[bytes]:
    return [content for _, content in sorted(CONTENTS.items())]


def catalog_foreign(services: Services, engine: Engine, ids: list[int]) -> int:
    """Catalog another system's transaction with these file ids; return its id."""
    foreign = services.uniqueid.allocate("upload_job", 1)[0]
    files = [file_entry("data/foreign", FOREIGN, _id=file_id) for file_id in ids]
    document = json.dumps([*files, {"destinationTable": "Transactions._id", "value": foreign}]).encode()
    services.metadata.ingest(foreign, BytesIO(document), len(document))
    return foreign


@pytest.mark.parametrize("taken", [1, 3])
def test_file_that_the_archive_holds_under_an_id_is_not_overwritten(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine, taken: int
):
    before = ids_of(database_engine, job)
    for file_id in before[:taken]:
        put_foreign(services, file_id)
    run_stage(job, Stage.INGEST_FILES)
    after = ids_of(database_engine, job)
    assert contents(services, before[:taken]) == [FOREIGN] * taken
    assert contents(services, after) == contents_by_path()
    assert after[taken:] == before[taken:]
    assert event_kinds(database_engine, job).count("file_ids_replaced") == 1


def test_new_ids_that_are_in_use_too_are_replaced_again(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine
):
    before = ids_of(database_engine, job)
    taken = [*before, *range(max(before) + 1, max(before) + 5)]
    for file_id in taken:
        put_foreign(services, file_id)
    run_stage(job, Stage.INGEST_FILES)
    assert contents(services, taken) == [FOREIGN] * len(taken)
    assert contents(services, ids_of(database_engine, job)) == contents_by_path()


def test_uniqueid_that_hands_out_only_ids_in_use_is_unavailable(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    [first, *_] = before = ids_of(database_engine, job)
    put_foreign(services, first)

    def always_the_same(_self: BuiltInUniqueID, _mode: IdMode, count: int) -> range:
        return range(first, first + count)

    with monkeypatch.context() as stuck:
        stuck.setattr(BuiltInUniqueID, "allocate", always_the_same)
        with pytest.raises(ServiceUnavailable, match=f"uniqueid .* in use, such as {first}"):
            run_stage(job, Stage.INGEST_FILES)
    assert contents(services, [first]) == [FOREIGN]
    run_stage(job, Stage.INGEST_FILES)
    assert contents(services, ids_of(database_engine, job)) == contents_by_path()
    assert ids_of(database_engine, job)[1:] == before[1:]


def test_move_does_not_replace_a_file_that_the_archive_holds(
    make_job: MakeJob, run_stage: RunStage, services: Services, settings: Settings, database_engine: Engine
):
    source = settings.move_folders[0] / "one.raw"
    source.write_bytes(b"one")
    document = [*transaction(), file_entry("data/one.raw", b"one", source=str(source))]
    job = make_job(json.dumps(document).encode(), Kind.MOVE)
    for stage in STAGES[Kind.MOVE][:2]:
        run_stage(job, stage)
    before = ids_of(database_engine, job)
    put_foreign(services, before[0])
    run_stage(job, Stage.MOVE_FILES)
    run_stage(job, Stage.INGEST_METADATA)
    assert contents(services, before) == [FOREIGN]
    assert contents(services, ids_of(database_engine, job)) == [b"one"]
    assert list(settings.move_folders[0].iterdir()) == []


@pytest.fixture
def clashing(job: int, run_stage: RunStage, services: Services, database_engine: Engine) -> tuple[int, int]:
    """Return an archived job, and a transaction in the catalog that has two of its file ids."""
    run_stage(job, Stage.INGEST_FILES)
    foreign = catalog_foreign(services, database_engine, ids_of(database_engine, job)[:2])
    return job, foreign


def assert_cataloged_under_new_ids(
    services: Services, engine: Engine, job: int, foreign: int, before: list[int]
) -> None:
    after = ids_of(engine, job)
    assert after[2:] == before[2:]
    assert not set(after) & set(before[:2])
    assert contents(services, after) == contents_by_path()
    assert [services.archive.holds(file_id) for file_id in before] == [False, False, True]
    assert sorted(services.metadata.find(job) or {}) == sorted(after)
    assert sorted(services.metadata.find(foreign) or {}) == sorted(before[:2])


def test_file_ids_that_the_catalog_has_are_replaced_and_only_those_files_are_sent_again(
    clashing: tuple[int, int], run_stage: RunStage, services: Services, database_engine: Engine
):
    job, foreign = clashing
    before = ids_of(database_engine, job)
    run_stage(job, Stage.INGEST_METADATA)
    assert_cataloged_under_new_ids(services, database_engine, job, foreign, before)


@pytest.mark.parametrize("kill_at", range(12))
def test_after_a_kill_between_any_two_steps_of_replacing_ids_the_next_process_ends_the_same(
    clashing: tuple[int, int],
    run_stage: RunStage,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    kill_at: int,
):
    job, foreign = clashing
    before = ids_of(database_engine, job)
    with monkeypatch.context() as killing, suppress(Killed):
        kill_at_step(killing, kill_at, STEPS)
        run_stage(job, Stage.INGEST_METADATA)
        raise AssertionError("no step was killed")
    run_stage(job, Stage.INGEST_METADATA)
    assert_cataloged_under_new_ids(services, database_engine, job, foreign, before)
    with Session(database_engine) as session:
        assert session.query(CatalogFile).filter_by(transaction_id=job).count() == len(CONTENTS)
