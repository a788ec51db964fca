"""A sample of the new ids is checked; all of them, if one is in use or if the ids do not rise."""

from collections.abc import Callable
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ingest.archiving import batches, file_ids
from ingest.archiving.ids_in_use import FIRST, SPREAD, consecutive_runs, sample_of
from ingest.archiving.rejection import remove_all
from ingest.archiving.transfer import BatchTransfer
from ingest.ledger.file_states import mark_sending
from ingest.ledger.files import LedgerFile, files_in
from ingest.ledger.models import File, FileState
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.services.uniqueid import BuiltInUniqueID, IdMode
from ingest.states.stages import Stage
from tests.archiving.test_batches import RunBefore, assert_archived
from tests.archiving.test_file_ids import FOREIGN, contents, event_kinds, put_foreign
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tests.killing import Killed, Patch, die, kill_at_step
from tools.bundles import make_bundle

pytestmark = pytest.mark.usefixtures("no_waiting", "sampled")

CONTENTS = {f"data/{number:03}": bytes([number]) * 100 for number in range(100)}
NOT_SAMPLED = 5
STEPS: list[Patch] = [(file_ids, "assign_ids"), (file_ids, "find_held"), (batches, "mark_sending")]
AllocateFrom = Callable[[int], None]


@pytest.fixture
def sampled(services: Services) -> None:
    """Let the built-in archive be checked as ArchiveInterface is."""
    services.archive.checks_every_id = False


@pytest.fixture
def queried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that collects the ids of the queries."""
    ids: list[int] = []
    holds = FolderArchive.holds

    def counted(archive: FolderArchive, file_id: int) -> bool:
        ids.append(file_id)
        return holds(archive, file_id)

    monkeypatch.setattr(FolderArchive, "holds", counted)
    return ids


@pytest.fixture
def allocate_from(database_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AllocateFrom:
    """Return a function that sets UniqueID to an id above the highest of the ledger, plus an offset."""
    with Session(database_engine) as session:
        highest = session.scalar(select(func.max(File.file_id))) or 0

    def allocate_from(offset: int) -> None:
        following = highest + offset

        def allocate(_self: BuiltInUniqueID, _mode: IdMode, count: int) -> range:
            nonlocal following
            start, following = following, following + count
            return range(start, start + count)

        monkeypatch.setattr(BuiltInUniqueID, "allocate", allocate)

    return allocate_from


def ids_of(engine: Engine, job: int) -> list[int]:
    with Session(engine) as session:
        return [
            file_id or 0
            for file_id in session.scalars(select(File.file_id).where(File.job_id == job).order_by(File.position))
        ]


def file_with(file_id: int) -> LedgerFile:
    return LedgerFile(file_id, str(file_id), 0, file_id, 1, "sha1", "", FileState.PENDING, "")


@given(st.sets(st.integers(1, 300), min_size=1))
def test_runs_are_all_files_split_at_each_gap(ids: set[int]):
    runs = [[file.file_id for file in run] for run in consecutive_runs([file_with(each) for each in ids])]
    assert [each for run in runs for each in run] == sorted(ids)
    assert all(run == list(range(run[0], run[-1] + 1)) for run in runs)
    assert all(later[0] > earlier[-1] + 1 for earlier, later in pairwise(runs))


@given(st.integers(1, 1000), st.data())
def test_block_of_ids_in_use_meets_the_sample(size: int, data: st.DataObject):
    sample = {file.file_id for file in sample_of([file_with(each) for each in range(size)])}
    assert len(sample) <= FIRST + SPREAD
    assert {*range(min(size, FIRST)), size - 1} <= sample
    length = -(-size // SPREAD)
    begin = data.draw(st.integers(0, max(size - length, 0)))
    assert sample & set(range(begin, begin + length))


def test_few_ids_of_a_batch_are_checked(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, services: Services, database_engine: Engine,
    queried: list[int],
):  # fmt: skip
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    run_stage(job, Stage.INGEST_FILES)
    ids = ids_of(database_engine, job)
    assert len(queried) <= FIRST + SPREAD
    assert {*ids[:FIRST], ids[-1]} <= set(queried)
    assert_archived(database_engine, services, job, CONTENTS)
    assert event_kinds(database_engine, job).count("file_ids_not_rising") == 0


def test_with_the_setting_every_id_is_checked(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, services: Services, database_engine: Engine,
    queried: list[int],
):  # fmt: skip
    services.archive.checks_every_id = True
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    run_stage(job, Stage.INGEST_FILES)
    assert sorted(queried) == ids_of(database_engine, job)


@pytest.mark.parametrize("place", [0, FIRST - 1, -1], ids=["first", "third", "last"])
def test_if_one_of_the_sample_is_in_use_all_ids_of_the_job_are_checked(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, services: Services, database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch, place: int,
):  # fmt: skip
    monkeypatch.setattr(batches, "BATCH_FILES", 50)
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    before = ids_of(database_engine, job)
    first_batch = before[:50]
    # Also one that is not in the sample of the first batch, and one that is not in that of the second.
    taken = sorted({first_batch[place], before[NOT_SAMPLED], before[50 + NOT_SAMPLED]})
    for file_id in taken:
        put_foreign(services, file_id)
    run_stage(job, Stage.INGEST_FILES)
    assert contents(services, taken) == [FOREIGN] * len(taken)
    assert_archived(database_engine, services, job, CONTENTS)
    assert not set(ids_of(database_engine, job)) & set(taken)


@pytest.fixture(params=[b"other", bytes(100), bytes(101)], ids=["shorter", "of the same size", "longer"])
def not_sampled(
    request: pytest.FixtureRequest, make_job: MakeJob, run_before: RunBefore, open_context: OpenContext,
    services: Services, database_engine: Engine, monkeypatch: pytest.MonkeyPatch,
) -> tuple[int, int]:  # fmt: skip
    """Return a job, and an id in use that the sample missed; the process that marked it `sending` was killed."""
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    taken = ids_of(database_engine, job)[NOT_SAMPLED]
    services.archive.put(taken, BytesIO(request.param), len(request.param))
    with monkeypatch.context() as killing, open_context(job, Stage.INGEST_FILES) as context:
        killing.setattr(BatchTransfer, "send_all", die)
        with pytest.raises(Killed):
            batches.send_files(context)
    return job, taken


def test_id_in_use_that_a_killed_process_was_about_to_send_is_replaced(
    not_sampled: tuple[int, int], run_stage: RunStage, services: Services, database_engine: Engine
):
    job, taken = not_sampled
    before = contents(services, [taken])
    run_stage(job, Stage.INGEST_FILES)
    assert contents(services, [taken]) == before
    assert_archived(database_engine, services, job, CONTENTS)
    assert event_kinds(database_engine, job).count("file_ids_replaced") == 1


@pytest.mark.parametrize("has_bundle", [True, False], ids=["with the bundle", "without the bundle"])
def test_file_of_another_system_stays_when_the_job_is_removed(
    not_sampled: tuple[int, int], open_context: OpenContext, services: Services, database_engine: Engine,
    has_bundle: bool,
):  # fmt: skip
    job, taken = not_sampled
    before = contents(services, [taken])
    with open_context(job, Stage.INGEST_FILES) as context:
        if not has_bundle:
            context.received_path.unlink()
        remove_all(context)
    assert contents(services, [taken]) == before
    assert taken not in ids_of(database_engine, job)


@pytest.mark.parametrize(("stored", "remains"), [(0, False), (99, False), (100, False), (101, True)])
def test_what_a_killed_process_has_sent_is_removed_with_the_job(
    make_job: MakeJob, run_before: RunBefore, open_context: OpenContext, services: Services, stored: int, remains: bool
):
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    with open_context(job, Stage.INGEST_FILES) as context:
        [file, *_] = files_in(context.lease, FileState.PENDING)
        mark_sending(context.lease, [file])
        services.archive.put(file.file_id, BytesIO(bytes(1) * stored), stored)
        remove_all(context)
    assert services.archive.holds(file.file_id) is remains


@pytest.fixture
def earlier(allocate_from: AllocateFrom, make_job: MakeJob, run_before: RunBefore) -> int:
    """Return a job with high ids, after which UniqueID is set back."""
    allocate_from(10_000)
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    allocate_from(1_000)
    return job


def test_ids_that_do_not_rise_are_all_checked(
    earlier: int, make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, services: Services,
    database_engine: Engine, queried: list[int],
):  # fmt: skip
    assert event_kinds(database_engine, earlier).count("file_ids_not_rising") == 0
    job = make_job(make_bundle(CONTENTS))
    run_before(job, Stage.INGEST_FILES)
    before = ids_of(database_engine, job)
    assert before[0] < ids_of(database_engine, earlier)[0]
    put_foreign(services, before[NOT_SAMPLED])
    run_stage(job, Stage.INGEST_FILES)
    assert event_kinds(database_engine, job).count("file_ids_not_rising") == 1
    assert set(before) <= set(queried)
    assert contents(services, [before[NOT_SAMPLED]]) == [FOREIGN]
    assert_archived(database_engine, services, job, CONTENTS)


@pytest.mark.parametrize("kill_at", range(10))
def test_after_a_kill_around_the_checks_no_id_in_use_is_overwritten(
    earlier: int, make_job: MakeJob, run_stage: RunStage, open_context: OpenContext, services: Services,
    database_engine: Engine, monkeypatch: pytest.MonkeyPatch, kill_at: int,
):  # fmt: skip
    """The steps are: before and after each of two allocations, two checks, and the commit of `sending`."""
    job = make_job(make_bundle(CONTENTS))
    run_stage(job, Stage.OPEN_TAR)
    highest = ids_of(database_engine, earlier)[0]
    # UniqueID hands out up to three ranges here; in each, one id that the sample does not meet is in use.
    taken = [highest - 9_000 + start + NOT_SAMPLED for start in (0, 100, 200)]
    for file_id in taken:
        put_foreign(services, file_id)
    stages = (Stage.LOAD_METADATA, Stage.VALIDATE_POLICY, Stage.INGEST_FILES)
    killed = False
    with monkeypatch.context() as killing:
        kill_at_step(killing, kill_at, STEPS)
        for stage in stages:
            try:
                run_stage(job, stage)
            except Killed:
                killed = True
                break
    assert killed
    for stage in stages:
        run_stage(job, stage)
    assert contents(services, taken) == [FOREIGN] * len(taken)
    assert_archived(database_engine, services, job, CONTENTS)
