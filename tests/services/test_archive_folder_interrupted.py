"""The built-in archive, interrupted: what is stored is whole and stays, whenever its process was killed."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.durable_files import part_path, writing
from ingest.errors import FenceLost, ServiceUnavailable
from ingest.services.archive_folder import FolderArchive
from tests.services.archive_folders import BLOCK, files, get, put
from tests.services.bodies import FailingBody


def test_contents_and_names_are_synced_in_order(
    archive: FolderArchive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, 5, b"makes the folders")
    states: list[tuple[str, list[str]]] = []

    def fsync(descriptor: int) -> None:
        states.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, files(folder)))

    monkeypatch.setattr(os, "fsync", fsync)
    put(archive, 6, b"x")
    archive.delete(6)
    assert states == [(".6.part", [".6.part", "5"]), ("000", ["5", "6"]), ("000", ["5"])]


@pytest.mark.parametrize(("content", "size"), [(b"abc", 4), (b"", 1), (b"abc", 2), (b"a", 0)])
def test_body_of_another_size_stores_nothing(archive: FolderArchive, folder: Path, content: bytes, size: int) -> None:
    with pytest.raises(ServiceUnavailable, match=f"of {size} announced bytes"):
        archive.put(5, io.BytesIO(content), size)
    assert archive.size(5) is None
    assert files(folder) == []


@pytest.mark.parametrize("error", [FenceLost("a newer process"), OSError(errno.EIO, "of the spool")])
def test_error_of_the_body_comes_out_unchanged_and_what_was_held_stays(
    archive: FolderArchive, folder: Path, error: Exception
) -> None:
    put(archive, 5, b"before")
    with pytest.raises(type(error)) as caught:
        archive.put(5, FailingBody(3 * BLOCK, error), 10 * BLOCK)
    assert caught.value is error
    assert get(archive, 5) == b"before"
    assert files(folder) == ["5"]


def test_full_disk_is_service_unavailable_and_keeps_no_part(
    archive: FolderArchive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put(archive, 6, b"makes the folders")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ServiceUnavailable, match=r"archive at file:///.*No space left on device"):
        put(archive, 5, b"x")
    assert files(folder) == ["6"]


KILLED = """
import os, signal, sys
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


def test_put_after_a_kill_overwrites_what_was_left(archive: FolderArchive, folder: Path) -> None:
    kill_a_put(folder)
    assert files(folder) == [".5.part"]
    assert archive.size(5) is None
    put(archive, 5, b"whole")
    assert get(archive, 5) == b"whole"
    assert files(folder) == ["5"]


def test_delete_after_a_kill_removes_what_was_left(archive: FolderArchive, folder: Path) -> None:
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
