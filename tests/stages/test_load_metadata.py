"""How a bundle's metadata is matched with its members, on a real ledger."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.errors.types import InvalidMetadata
from ingest.ledger.database import transaction as transaction_of
from ingest.ledger.jobs import get_job
from ingest.services import Services
from ingest.stages.run_stage import run_stage as run_stage_wrapper
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction

BOTH = {"data/x.txt": b"outer", "data/data/x.txt": b"inner"}


def entry(path: str, subdir: str) -> dict[str, object]:
    return file_entry(path, BOTH[path], subdir=subdir)


@pytest.mark.parametrize(
    ("members", "subdirs"),
    [
        # As the stock client writes it: below `data/`.
        (["data/data/x.txt"], ["data"]),
        (["data/x.txt", "data/data/x.txt"], ["", "data"]),
        # As it is documented.
        (["data/data/x.txt"], ["data/data/"]),
        (["data/x.txt", "data/data/x.txt"], ["data", "data/data"]),
        (["data/x.txt"], ["data"]),
    ],
)
def test_folder_below_data_may_be_called_data(
    make_job: MakeJob, run_stage: RunStage, services: Services, members: list[str], subdirs: list[str]
):
    entries = [entry(path, subdir) for path, subdir in zip(members, subdirs, strict=True)]
    job = make_job(make_bundle({path: BOTH[path] for path in members}, [*transaction(), *entries]))
    for stage in STAGES[Kind.INGEST]:
        run_stage(job, stage)
    stored = [b"".join(services.archive.get(file_id)) for file_id in sorted(services.metadata.find(job) or {})]
    assert stored == [BOTH[path] for path in members]


def test_faults_are_reported_in_the_documented_interpretation(make_job: MakeJob, run_stage: RunStage, tmp_path: Path):
    job = make_job(make_bundle({"data/data/x.txt": b"inner"}, [*transaction(), file_entry("data/y.txt", b"y")]))
    run_stage(job, Stage.OPEN_TAR)
    with pytest.raises(InvalidMetadata, match=r"'data/x.txt' is not listed.*'y.txt' is listed"):
        run_stage(job, Stage.LOAD_METADATA)


def test_the_job_shows_what_its_metadata_declares(make_job: MakeJob, run_stage: RunStage, database_engine: Engine):
    job = make_job()
    run_stage(job, Stage.OPEN_TAR)
    assert declared(database_engine, job) == (None, None, None, None)
    run_stage(job, Stage.LOAD_METADATA)
    size = sum(len(content) for content in CONTENTS.values())
    assert declared(database_engine, job) == ("1234a", "54", len(CONTENTS), size)


def test_a_rejected_job_shows_its_project_and_every_fault(
    make_job: MakeJob, settings_in_environment: None, database_engine: Engine
):
    missing = [file_entry(f"data/{name}", b"") for name in "ab"]
    job = make_job(make_bundle({}, [*transaction(), *missing]))
    run_stage_wrapper(Stage.OPEN_TAR, job, 1, last_try=False)
    with pytest.raises(InvalidMetadata):
        run_stage_wrapper(Stage.LOAD_METADATA, job, 1, last_try=False)
    assert declared(database_engine, job) == ("1234a", "54", None, None)
    with transaction_of(database_engine) as session:
        error = get_job(session, job).error or {}
    assert [fault["code"] for fault in error["faults"]] == ["file_lacking"] * 2
    assert "'a'" in error["faults"][0]["text"]
    assert error["more_faults"] == 0


def declared(engine: Engine, job: int) -> tuple[object, ...]:
    with transaction_of(engine) as session:
        row = get_job(session, job)
        return row.project, row.instrument, row.files, row.bytes
