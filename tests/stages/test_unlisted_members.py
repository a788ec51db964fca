"""`unlisted_members = skip`: members that the metadata does not list are left out, with an event."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, insert, select

from ingest.archiving.unlisted_members import MAX_NAMED, skip_unlisted
from ingest.errors.types import InvalidMetadata
from ingest.ledger.database import transaction as in_transaction
from ingest.ledger.job_history import read
from ingest.ledger.models import Event, File
from ingest.services import Services
from ingest.settings.fields import SKIP
from ingest.settings.loading import Settings
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tests.killing import Killed
from tools.bundles import CONTENTS, file_entry, make_bundle, metadata_of

UNLISTED = {"data/._one.txt": b"resource fork", "data/a/日本": b"", "data/z": b"last"}
LISTED_CONTENTS = sorted(CONTENTS.values())


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"unlisted_members": SKIP})


@pytest.fixture
def skipping(make_job: MakeJob) -> int:
    """Return a job whose bundle has members that its metadata does not list."""
    return make_job(make_bundle({**UNLISTED, **CONTENTS}, metadata_of(CONTENTS)))


def skipped_events(engine: Engine, job: int) -> list[str]:
    with in_transaction(engine) as session:
        events = session.scalars(select(Event.text).where(Event.job_id == job, Event.kind == "members_skipped"))
        return list(events)


def stored(services: Services, job: int) -> list[bytes]:
    return sorted(b"".join(services.archive.get(file_id)) for file_id in services.metadata.find(job) or {})


def test_unlisted_members_are_left_out_named_and_counted(
    skipping: int, run_stage: RunStage, services: Services, database_engine: Engine
):
    results = {stage: run_stage(skipping, stage) for stage in STAGES[Kind.INGEST]}
    assert stored(services, skipping) == LISTED_CONTENTS
    assert skipped_events(database_engine, skipping) == [
        "3 of the bundle's files are not listed in the metadata and were left out: '._one.txt', 'a/日本', 'z'"
    ]
    result = results[Stage.LOAD_METADATA]
    assert isinstance(result, dict)
    size = sum(map(len, LISTED_CONTENTS))
    assert (result["files"], result["bytes"], result["skipped"]) == (len(LISTED_CONTENTS), size, 3)
    document = read(database_engine, skipping)
    assert document["job"]["skipped_members"] == 3
    left_out = sum(map(len, UNLISTED.values()))
    assert document["files"] == {
        "archived": {"files": len(LISTED_CONTENTS), "bytes": size},
        "skipped": {"files": 3, "bytes": left_out},
    }


def test_bundle_without_unlisted_members_records_no_event(
    make_job: MakeJob, run_stage: RunStage, database_engine: Engine
):
    job = make_job()
    assert all("skipped" not in str(run_stage(job, stage)) for stage in STAGES[Kind.INGEST])
    assert skipped_events(database_engine, job) == []
    assert read(database_engine, job)["job"]["skipped_members"] == 0


@contextmanager
def killed_at(point: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def reached(name: str, _job: int) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("ingest.ledger.file_states.failpoint", reached)
        with pytest.raises(Killed):
            yield


@pytest.mark.usefixtures("no_waiting")
def test_stage_that_was_killed_while_it_skipped_counts_each_member_once(
    skipping: int, run_stage: RunStage, services: Services, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    run_stage(skipping, Stage.OPEN_TAR)
    with killed_at("load_metadata.skipped", monkeypatch):
        run_stage(skipping, Stage.LOAD_METADATA)
    for stage in STAGES[Kind.INGEST][1:]:
        run_stage(skipping, stage)
    assert stored(services, skipping) == LISTED_CONTENTS
    assert read(database_engine, skipping)["job"]["skipped_members"] == 3
    assert len(skipped_events(database_engine, skipping)) == 1


@pytest.mark.parametrize("stage", [Stage.OPEN_TAR, Stage.LOAD_METADATA])
@pytest.mark.usefixtures("no_waiting")
def test_stage_that_runs_again_leaves_out_the_same(
    skipping: int, run_stage: RunStage, services: Services, database_engine: Engine, stage: Stage
):
    run_stage(skipping, Stage.OPEN_TAR)
    run_stage(skipping, Stage.LOAD_METADATA)
    for again in STAGES[Kind.INGEST][STAGES[Kind.INGEST].index(stage) :]:
        run_stage(skipping, again)
    assert stored(services, skipping) == LISTED_CONTENTS
    assert read(database_engine, skipping)["job"]["skipped_members"] == 3


@pytest.mark.usefixtures("no_waiting")
def test_missing_file_and_file_of_another_size_are_still_refused(make_job: MakeJob, run_stage: RunStage):
    entries = [*metadata_of({"data/a": b"a"}), file_entry("data/b", b"b"), file_entry("data/c", b"c", size=5)]
    job = make_job(make_bundle({"data/a": b"a", "data/c": b"c", "data/unlisted": b""}, entries))
    run_stage(job, Stage.OPEN_TAR)
    with pytest.raises(InvalidMetadata) as raised:
        run_stage(job, Stage.LOAD_METADATA)
    assert "[file_lacking]" in raised.value.text
    assert "[size_differs]" in raised.value.text
    assert "unlisted" not in raised.value.text


def test_very_many_unlisted_members_make_a_short_event_and_no_large_memory(
    make_job: MakeJob, open_context: OpenContext, run_stage: RunStage, database_engine: Engine
):
    job, many = make_job(), 20_000
    run_stage(job, Stage.OPEN_TAR)
    run_stage(job, Stage.LOAD_METADATA)
    with in_transaction(database_engine) as session:
        rows = [
            {"job_id": job, "path": f"{number:06}/{'x' * 200}", "offset": 0, "found_size": 1} for number in range(many)
        ]
        session.execute(insert(File), rows)
    del rows
    with open_context(job, Stage.LOAD_METADATA) as context:
        tracemalloc.start()
        try:
            assert skip_unlisted(context.lease) == many
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    [text] = skipped_events(database_engine, job)
    assert text.endswith(f", and {many - MAX_NAMED} more")
    assert len(text) < MAX_NAMED * 250
    # A batch takes 1.5 MB; the paths of all members would take 5 MB.
    assert peak < 2_000_000
