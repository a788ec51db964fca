"""The built-in archive: what is stored is whole and stays, whenever its process was killed."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors import FenceLost, ServiceUnavailable
from ingest.services.archive_folder import FolderArchive
from ingest.services.durable_files import part_path, writing
from tests.services.bodies import FailingBody, Zeros

BLOCK = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "an archive"


@pytest.fixture
def archive(folder: Path) -> FolderArchive:
    return FolderArchive(folder.as_uri(), BLOCK)


def put(archive: FolderArchive, file_id: int, content: bytes) -> None:
    archive.put(file_id, io.BytesIO(content), len(content))


def get(archive: FolderArchive, file_id: int) -> bytes:
    return b"".join(archive.get(file_id))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


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


def test_archive_that_is_no_folder_is_service_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceUnavailable):
        put(FolderArchive((tmp_path / "file").as_uri(), BLOCK), 5, b"x")


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
