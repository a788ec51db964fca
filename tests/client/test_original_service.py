"""The client uploads to the real pacifica-ingest 0.4.1: in one request, and without what that service does not know."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.systems.original_service import OriginalService, original_service
from bench.systems.redis import RequirementMissing
from ingest.local.layout import Layout
from tests.client.command import METADATA, Uploader
from tests.client.folders import CONTENTS, write_files
from tools.pacifica_core.contents import archived, cataloged
from tools.pacifica_core.core import Core

UNKNOWN_PROJECT = [*METADATA[2:], "--project", "unknown"]


@pytest.fixture(scope="module")
def original(postgres: Layout, core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginalService]:
    try:
        with original_service(tmp_path_factory.mktemp("original"), postgres, core) as service:
            yield service
    except RequirementMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def uploader(original: OriginalService, tmp_path: Path) -> Uploader:
    host, port = original.client.address
    return Uploader(f"http://{host}:{port}", tmp_path / "state")


def test_a_folder_is_archived_and_cataloged(uploader: Uploader, core: Core, tmp_path: Path):
    ended = uploader.run("--json", write_files(tmp_path))
    assert ended.status == 0, ended.errors
    files = cataloged(core, ended.document["job_id"])
    assert files is not None
    assert archived(core, files) == CONTENTS
    assert "cannot check the metadata before the upload" in ended.errors


def test_metadata_that_policy_refuses_ends_with_an_error(uploader: Uploader, tmp_path: Path):
    run = write_files(tmp_path, {"run/one.txt": b"one\n"})
    ended = uploader.run(run, metadata=UNKNOWN_PROJECT)
    assert ended.status == 3
    assert "failed at 'Policy Validation'" in ended.errors


def test_started_again_it_makes_no_other_job(uploader: Uploader, tmp_path: Path):
    run = write_files(tmp_path, {"run/two.txt": b"two\n"})
    first, second = (uploader.run("--json", run) for _ in range(2))
    assert (first.status, second.status) == (0, 0)
    assert first.document["job_id"] == second.document["job_id"]
