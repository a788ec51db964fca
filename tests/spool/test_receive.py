import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from ingest import spool
from ingest.errors.types import IncompleteBody, SpoolFull, SpoolUnavailable
from ingest.spool import Announced
from ingest.spool.receive import receive as receive_file
from ingest.spool.receive import receiving

BLOCK = 4096


def receive(body: bytes, folder: Path, announced: int | None = None) -> int:
    return receive_file(io.BytesIO(body), folder, bundle(announced), BLOCK)


def bundle(size: int | None = None) -> Announced:
    return Announced(1, "1.tar", size)


@pytest.fixture
def small_files_only() -> Iterator[int]:
    """Limit the size of files, so that the kernel refuses writes as on a full disk."""
    limit = 3 * BLOCK
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK])
@pytest.mark.parametrize("announced", [True, False])
def test_a_stream_is_written_whole(tmp_path: Path, size: int, announced: bool) -> None:
    body = (b"0123456789" * size)[:size]
    assert receive(body, tmp_path, size if announced else None) == size
    assert [path.name for path in tmp_path.iterdir()] == ["1.tar"]
    assert (tmp_path / "1.tar").read_bytes() == body


def test_a_bundle_cannot_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    receive(b"x", tmp_path)
    os.umask(before)
    assert (tmp_path / "1.tar").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("body", "announced"), [(b"", None), (b"", 5), (b"abc", 5), (b"abcdefg", 5)])
def test_another_size_than_announced_leaves_nothing(tmp_path: Path, body: bytes, announced: int | None) -> None:
    with pytest.raises(IncompleteBody):
        receive(body, tmp_path, announced)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, small_files_only: int) -> None:
    with pytest.raises(SpoolFull):
        receive(b"x" * (small_files_only + 1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_upload_without_free_space_is_refused_before_it_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO(b"x")
    with pytest.raises(SpoolFull):
        receive_file(stream, tmp_path, bundle(2**50), BLOCK)
    assert stream.tell() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable, match="cannot be written"):
        receive(b"x", tmp_path / "missing")


def test_an_error_of_the_stream_leaves_nothing(tmp_path: Path) -> None:
    class Broken:
        def read(self, _size: int, /) -> bytes:
            assert [path.name for path in tmp_path.iterdir()] == ["1.tar.part"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        receive_file(Broken(), tmp_path, bundle(), BLOCK)
    assert list(tmp_path.iterdir()) == []


def test_upload_that_the_check_refuses_leaves_nothing(tmp_path: Path) -> None:
    def check(file: BinaryIO) -> None:
        raise ValueError(file.read())

    received = receiving(io.BytesIO(b"document"), tmp_path, bundle(), BLOCK, check)
    with pytest.raises(ValueError, match="document"):
        received.__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_removed_whole_or_in_part(tmp_path: Path) -> None:
    (tmp_path / "1.tar").touch()
    (tmp_path / "2.tar.part").touch()
    for name in ("1.tar", "2.tar", "missing.tar"):
        spool.remove(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_error_of_a_removal_is_raised(tmp_path: Path) -> None:
    (tmp_path / "1.tar").mkdir()
    with pytest.raises(OSError, match=r"1\.tar"):
        spool.remove(tmp_path / "1.tar")


def test_time_of_the_last_write_is_that_of_the_part_or_of_the_whole(tmp_path: Path) -> None:
    assert spool.last_written(tmp_path / "1.tar") == 0
    (tmp_path / "1.tar.part").touch()
    os.utime(tmp_path / "1.tar.part", (50, 50))
    assert spool.last_written(tmp_path / "1.tar") == 50
    (tmp_path / "1.tar").touch()
    os.utime(tmp_path / "1.tar", (70, 70))
    assert spool.last_written(tmp_path / "1.tar") == 70


def test_names_differ_for_one_job() -> None:
    assert spool.file_name(7, "tar") != spool.file_name(7, "tar")
