"""The built-in archive: stored files can be read, measured, replaced, deleted and moved."""

import errno
import os
from pathlib import Path

import pytest

from ingest.errors.types import ServiceUnavailable
from ingest.services.archive import OpenFile
from ingest.services.archive_folder import FolderArchive
from ingest.system import durable_files
from tests.services.archive_folders import BLOCK, files, get, put
from tests.services.bodies import Zeros


def test_stored_file_can_be_read(archive: FolderArchive) -> None:
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


def test_stored_file_is_never_in_memory_as_a_whole(archive: FolderArchive) -> None:
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


def move(archive: FolderArchive, file_id: int, source: Path) -> None:
    with source.open("rb", buffering=0) as opened:
        archive.move(file_id, OpenFile(source, opened))


def test_move_takes_the_file_and_leaves_its_name(archive: FolderArchive, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"moved")
    move(archive, 5, source)
    assert get(archive, 5) == b"moved"
    assert source.samefile(next(folder.rglob("5")))


def test_move_takes_the_open_file_whatever_has_its_name_by_now(archive: FolderArchive, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"moved")
    with source.open("rb", buffering=0) as opened:
        source.unlink()
        source.write_bytes(b"another file")
        archive.move(5, OpenFile(source, opened))
    assert get(archive, 5) == b"moved"
    assert source.read_bytes() == b"another file"


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_move_of_a_file_that_cannot_be_linked_copies_it(
    archive: FolderArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(durable_files, "link_open_file", refuse)
    source = tmp_path / "source"
    source.write_bytes(b"moved")
    move(archive, 5, source)
    assert get(archive, 5) == b"moved"
    assert source.read_bytes() == b"moved"


def test_repeated_move_of_the_same_file_changes_nothing(archive: FolderArchive, folder: Path, tmp_path: Path) -> None:
    put(archive, 5, b"moved")
    source = tmp_path / "source"
    source.hardlink_to(next(folder.rglob("5")))
    move(archive, 5, source)
    assert get(archive, 5) == b"moved"
    assert source.read_bytes() == b"moved"


def test_move_replaces_the_file_of_the_id(archive: FolderArchive, tmp_path: Path) -> None:
    put(archive, 5, b"sent before")
    source = tmp_path / "source"
    source.write_bytes(b"moved")
    move(archive, 5, source)
    assert get(archive, 5) == b"moved"
