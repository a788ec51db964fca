"""How a bundle's metadata is matched with its members, on a real ledger."""

from pathlib import Path

import pytest

from ingest.errors.types import InvalidMetadata
from ingest.services import Services
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tools.bundles import file_entry, make_bundle, transaction

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
