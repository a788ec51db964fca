"""Dark files in the archive's folder are found, and no file whose transaction is about to be committed."""

import io
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.errors.types import ConfigurationError
from ingest.ledger.database import make_engine
from ingest.operations.reconcile.comparison import Comparison, Extent
from ingest.operations.reconcile.findings import Counts
from ingest.services import Services, make_services
from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_listing import posix_name
from ingest.settings.loading import Settings
from ingest.system.durable_files import part_path, writing
from tests.operations.reconcile.conftest import Compare, ids_of, stored, summaries
from tests.services.archive_folders import put

NOBODYS = 1_234_567


@pytest.fixture
def archive(services: Services) -> FolderArchive:
    assert isinstance(services.archive, FolderArchive)
    return services.archive


def test_unknown_file_is_dark(
    cataloged: int, in_progress: int, no_minimum_age: None, archive: FolderArchive, compare: Compare
):
    put(archive, NOBODYS, b"whose?")
    assert summaries(compare()) == [("dark", None, NOBODYS)]


def test_file_that_appeared_within_the_hour_is_no_finding(archive: FolderArchive, compare: Compare):
    put(archive, NOBODYS, b"whose?")
    assert compare() == []


def test_file_that_the_catalog_knows_is_another_systems(
    no_minimum_age: None, archive: FolderArchive, services: Services, compare: Compare
):
    file = {"destinationTable": "Files", "_id": NOBODYS, "hashtype": "sha1", "hashsum": "0" * 40}
    document = json.dumps([{"destinationTable": "Transactions._id", "value": 77}, file]).encode()
    services.metadata.ingest(77, io.BytesIO(document), len(document))
    put(archive, NOBODYS, b"the other system's")
    assert compare() == []


def test_half_written_file_is_dark_unless_a_process_writes_it(
    cataloged: int, no_minimum_age: None, database_engine: Engine, compare: Compare, tmp_path: Path
):
    path = stored(tmp_path / "archive", next(iter(ids_of(database_engine, cataloged).values())))
    with writing(path) as part:
        part.write(b"half")
        assert compare() == []
    assert part_path(path).exists()
    assert [each.path for each in compare()] == [str(part_path(path))]


def test_name_that_the_archive_never_uses_is_reported_and_never_deleted(
    no_minimum_age: None, compare: Compare, tmp_path: Path
):
    stray = tmp_path / "archive" / "0000000" / "notes.txt"
    stray.parent.mkdir(parents=True)
    stray.write_text("somebody's")
    for delete in (False, True):
        assert [each.path for each in compare(delete_dark=delete)] == [str(stray)]
    assert stray.exists()


def test_folder_of_archiveinterface_is_read_and_nothing_in_it_deleted(
    no_minimum_age: None, settings: Settings, tmp_path: Path
):
    elsewhere = settings.model_copy(update={"archiveinterface_url": "http://127.0.0.1:1"})
    folder = tmp_path / "posix"
    for name in (posix_name(NOBODYS), posix_name(7), "77"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"whose?")
    engine = make_engine(settings)
    services = make_services(elsewhere, engine)
    extent = Extent(archive_folder=folder, delete_dark=True)
    found = list(Comparison(elsewhere, engine, services, extent, Counts()).findings())
    assert {each.file_id for each in found} == {NOBODYS, 7, 77}
    assert not any(each.ours for each in found)
    assert (folder / posix_name(NOBODYS)).exists()
    services.close()
    engine.dispose()


def test_folder_must_not_be_named_for_the_built_in_archive(compare: Compare, tmp_path: Path):
    with pytest.raises(ConfigurationError, match="--archive-folder"):
        compare(archive_folder=tmp_path)
