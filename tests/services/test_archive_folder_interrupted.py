"""The built-in archive after kills: stored files are complete and stay, whenever the process is killed."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors.types import FenceLost, ServiceUnavailable
from ingest.services import archive_folder
from ingest.services.archive_folder import FolderArchive
from ingest.system.durable_files import part_path, writing
from tests.services.archive_folders import BLOCK, files, get, put
from tests.services.bodies import FailingBody
from tests.small_disk import FILLING, fill, small_disk


def test_file_is_complete_under_its_name_when_its_disk_is_synced(
    archive: FolderArchive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[tuple[int, list[str]]] = []
    monkeypatch.setattr(
        archive_folder, "sync_file_system", lambda disk: states.append((os.fstat(disk).st_dev, files(folder)))
    )
    put(archive, 5, b"x")
    put(archive, 6, b"x")
    assert states == []
    archive.sync([5, 6])
    assert states == [(folder.stat().st_dev, ["5", "6"])]


def test_file_that_an_earlier_process_stored_is_synced_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(FolderArchive(folder.as_uri(), BLOCK), 5, b"x")
    disks: list[int] = []
    monkeypatch.setattr(archive_folder, "sync_file_system", lambda disk: disks.append(os.fstat(disk).st_dev))
    FolderArchive(folder.as_uri(), BLOCK).sync([5])
    assert disks == [folder.stat().st_dev]


def test_name_that_was_deleted_is_synced(archive: FolderArchive, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(archive, 5, b"x")
    states: list[tuple[str, list[str]]] = []

    def fsync(descriptor: int) -> None:
        states.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, files(folder)))

    monkeypatch.setattr(os, "fsync", fsync)
    archive.delete(5)
    assert states == [("000", [])]


@pytest.mark.parametrize(("content", "size"), [(b"abc", 4), (b"", 1), (b"abc", 2), (b"a", 0)])
def test_body_of_another_size_stores_nothing(archive: FolderArchive, folder: Path, content: bytes, size: int) -> None:
    with pytest.raises(ServiceUnavailable, match=f"of {size} announced bytes"):
        archive.put(5, io.BytesIO(content), size)
    assert archive.size(5) is None
    assert files(folder) == []


@pytest.mark.parametrize("error", [FenceLost("a newer process"), OSError(errno.EIO, "of the spool")])
def test_error_of_the_body_is_raised_unchanged_and_the_stored_file_stays(
    archive: FolderArchive, folder: Path, error: Exception
) -> None:
    put(archive, 5, b"before")
    with pytest.raises(type(error)) as caught:
        archive.put(5, FailingBody(3 * BLOCK, error), 10 * BLOCK)
    assert caught.value is error
    assert get(archive, 5) == b"before"
    assert files(folder) == ["5"]


@pytest.mark.parametrize("size", [1, 10 * BLOCK])
def test_full_disk_is_service_unavailable_and_keeps_no_part(tmp_path: Path, size: int) -> None:
    with small_disk(tmp_path / "disk", 256 * BLOCK) as disk:
        archive = FolderArchive(disk.as_uri(), BLOCK)
        put(archive, 6, b"makes the folders")
        fill(disk)
        with pytest.raises(ServiceUnavailable, match=r"archive at file:///.*No space left on device"):
            put(archive, 5, b"x" * size)
        assert files(disk) == ["6", FILLING]
        archive.close()


def test_disk_that_fails_at_the_sync_is_service_unavailable(
    archive: FolderArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    put(archive, 5, b"x")
    monkeypatch.setattr(archive_folder, "sync_file_system", fail)
    with pytest.raises(ServiceUnavailable, match=r"archive at file:///.*Input/output error"):
        archive.sync([5])


KILLED = """
import os, signal, sys
from ingest.services import archive_folder
from ingest.services.archive_folder import FolderArchive

class Body:
    def read(self, amount):
        if self.blocks == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.blocks -= 1
        return b"k" * amount

body = Body()
body.blocks = 3
FolderArchive(sys.argv[1], 4096).put(5, body, 1 << 30)
"""


def kill_a_put(folder: Path) -> None:
    plugins = Path(__file__).parents[2] / "plugins"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, folder.as_uri()], env={"PYTHONPATH": str(plugins)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL


def test_put_after_a_kill_overwrites_the_partial_file(archive: FolderArchive, folder: Path) -> None:
    kill_a_put(folder)
    assert files(folder) == [".5.part"]
    assert archive.size(5) is None
    put(archive, 5, b"whole")
    assert get(archive, 5) == b"whole"
    assert files(folder) == ["5"]


def test_delete_after_a_kill_removes_the_partial_file(archive: FolderArchive, folder: Path) -> None:
    kill_a_put(folder)
    archive.delete(5)
    assert files(folder) == []


def test_put_and_delete_beside_a_process_that_writes_the_id_are_service_unavailable(
    archive: FolderArchive, folder: Path
) -> None:
    put(archive, 5, b"before")
    path = next(folder.rglob("5"))
    with writing(path) as part:
        part.write(b"the older process")
        with pytest.raises(ServiceUnavailable, match="another process is writing"):
            put(archive, 5, b"the newer process")
        with pytest.raises(ServiceUnavailable, match="another process is writing"):
            archive.delete(5)
        part_path(path).replace(path)
    assert get(archive, 5) == b"the older process"
