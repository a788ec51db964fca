"""The built-in archive: what is put can be had, counted, replaced, deleted and moved."""

import errno
import os
from pathlib import Path

import pytest

from ingest.errors import ServiceUnavailable
from ingest.services.archive_folder import FolderArchive
from tests.services.archive_folders import BLOCK, files, get, put
from tests.services.bodies import Zeros


def test_what_is_put_can_be_had(archive: FolderArchive) -> None:
    put(archive, 5, b"x" * 10_000)
    assert archive.size(5) == 10_000
    assert get(archive, 5) == b"x" * 10_000


def test_url_is_decoded(folder: Path) -> None:
    assert "%20" in folder.as_uri()
    put(FolderArchive(folder.as_uri(), BLOCK), 5, b"x")
    assert files(folder) == ["5"]


def test_empty_file_is_held(archive: FolderArchive) -> None:
    put(archive, 5, b"")
    assert archive.size(5) == 0


def test_size_of_an_id_that_is_not_there_is_none(archive: FolderArchive) -> None:
    assert archive.size(5) is None
    put(archive, 6, b"x")
    assert archive.size(5) is None


def test_get_of_an_id_that_is_not_there_is_service_unavailable(archive: FolderArchive) -> None:
    with pytest.raises(ServiceUnavailable, match="No such file"):
        get(archive, 5)


def test_put_over_an_id_replaces_it(archive: FolderArchive) -> None:
    put(archive, 5, b"longer before")
    put(archive, 5, b"after")
    assert get(archive, 5) == b"after"


def test_files_are_spread_over_folders(archive: FolderArchive, folder: Path) -> None:
    ids = [0, 1, 999, 1000, 999_999, 1_000_000, 1_000_001_000]
    for file_id in ids:
        put(archive, file_id, str(file_id).encode())
    assert [get(archive, file_id) for file_id in ids] == [str(file_id).encode() for file_id in ids]
    assert len({path.parent for path in folder.rglob("*") if path.is_file()}) == 5


def test_archive_that_is_no_folder_is_service_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    archive = FolderArchive((tmp_path / "file").as_uri(), BLOCK)
    with pytest.raises(ServiceUnavailable):
        put(archive, 5, b"x")
    with pytest.raises(ServiceUnavailable, match="Not a directory"):
        archive.delete(5)


def test_put_is_never_held_whole(archive: FolderArchive) -> None:
    body = Zeros(100 * BLOCK)
    archive.put(5, body, 100 * BLOCK)
    assert body.largest_read == BLOCK


def test_delete_removes_the_id(archive: FolderArchive, folder: Path) -> None:
    put(archive, 5, b"x")
    archive.delete(5)
    assert archive.size(5) is None
    assert files(folder) == []


def test_delete_of_an_id_that_is_not_there_is_no_error(archive: FolderArchive) -> None:
    archive.delete(5)
    put(archive, 6, b"x")
    archive.delete(5)
    assert archive.size(6) == 1


def test_move_takes_the_file(archive: FolderArchive, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"moved")
    archive.move(5, source)
    assert get(archive, 5) == b"moved"
    assert not source.exists()


def test_move_from_another_device_copies(
    archive: FolderArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "rename", rename)
    source = tmp_path / "source"
    source.write_bytes(b"moved")
    archive.move(5, source)
    assert get(archive, 5) == b"moved"
    assert not source.exists()


def test_move_of_what_was_linked_back_takes_the_link_away(archive: FolderArchive, folder: Path, tmp_path: Path) -> None:
    put(archive, 5, b"moved")
    source = tmp_path / "source"
    source.hardlink_to(next(folder.rglob("5")))
    archive.move(5, source)
    assert get(archive, 5) == b"moved"
    assert not source.exists()


def test_move_of_a_missing_source_is_service_unavailable_and_keeps_what_is_held(
    archive: FolderArchive, tmp_path: Path
) -> None:
    put(archive, 5, b"moved before")
    with pytest.raises(ServiceUnavailable, match="No such file"):
        archive.move(5, tmp_path / "gone")
    assert get(archive, 5) == b"moved before"
