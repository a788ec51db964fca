"""Staging folders for ArchiveInterface: a folder is accepted only if no other account can exchange it."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from ingest.errors.types import MoveFolderUnavailable
from ingest.services.archive_staging import Staging, check_private
from ingest.system import durable_files

BLOCK = 4096
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another account")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "above" / "staging"
    made.mkdir(parents=True)
    for each in (made, made.parent):
        each.chmod(0o700)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    path = tmp_path / "source"
    path.write_bytes(b"x" * 3 * BLOCK)
    path.chmod(0o640)
    with path.open("rb", buffering=0) as opened:
        yield opened


def hand_over(folder: Path, file: BinaryIO) -> None:
    with Staging((folder,), BLOCK).staged(5, file):
        pass


def test_the_open_file_is_there_while_it_is_handed_over(folder: Path, file: BinaryIO) -> None:
    with Staging((folder,), BLOCK).staged(5, file) as path:
        assert path == folder / "5"
        assert os.path.samestat(path.stat(), os.fstat(file.fileno()))
    assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_is_replaced(folder: Path, file: BinaryIO) -> None:
    (folder / "5").write_bytes(b"left")
    with Staging((folder,), BLOCK).staged(5, file) as path:
        assert os.path.samestat(path.stat(), os.fstat(file.fileno()))


def test_file_that_cannot_be_linked_is_copied_with_its_permissions(
    folder: Path, file: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(durable_files, "link_open_file", refuse)
    with Staging((folder,), BLOCK).staged(5, file) as path:
        assert path.read_bytes() == b"x" * 3 * BLOCK
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_folder_on_the_file_system_of_the_file_is_used(folder: Path, file: BinaryIO, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    assert elsewhere.stat().st_dev != tmp_path.stat().st_dev
    with Staging((elsewhere, folder), BLOCK).staged(5, file) as path:
        assert path.parent == folder


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770, 0o1770])
def test_folder_that_the_archive_shares_by_its_group_is_private(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    check_private(folder)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_folder_that_others_can_write_to_is_refused(folder: Path, file: BinaryIO, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(MoveFolderUnavailable, match=f"can write to {folder},"):
        hand_over(folder, file)


@pytest.mark.parametrize(("mode", "is_private"), [(0o777, False), (0o770, False), (0o1777, True), (0o1770, True)])
def test_folder_below_one_that_others_can_write_to_is_private_by_the_sticky_bit_alone(
    folder: Path, file: BinaryIO, mode: int, is_private: bool
) -> None:
    folder.parent.chmod(mode)
    if is_private:
        hand_over(folder, file)
        return
    with pytest.raises(MoveFolderUnavailable, match=f"can write to {folder.parent},"):
        hand_over(folder, file)


@as_root
@pytest.mark.parametrize("which", ["the folder", "the one above"])
def test_folder_of_another_account_is_refused(folder: Path, file: BinaryIO, which: str) -> None:
    given = folder if which == "the folder" else folder.parent
    os.chown(given, NOBODY, NOBODY)
    with pytest.raises(MoveFolderUnavailable, match=f"{given} belongs to account {NOBODY}"):
        hand_over(folder, file)


def test_folder_that_is_a_link_is_refused(folder: Path, file: BinaryIO, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(MoveFolderUnavailable, match="cannot be used"):
        hand_over(tmp_path / "link", file)


def test_missing_folder_is_a_transient_error(tmp_path: Path, file: BinaryIO) -> None:
    with pytest.raises(MoveFolderUnavailable, match="cannot be used"):
        hand_over(tmp_path / "gone", file)
