import io
from pathlib import Path

import pytest

from ingest.spool import append, part_of

BLOCK = 4096


def append_to(path: Path, body: bytes, offset: int, reported: list[int]) -> None:
    """Append a body, and add the offsets that are reported to a list."""
    with append.locked(path, 0) as file:
        assert file is not None
        append.append(io.BytesIO(body), file, path, 1, offset, BLOCK, None, reported.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    append.create(tmp_path / "1.tar", None)
    return tmp_path / "1.tar"


def test_offset_is_reported_once_at_the_end(path: Path) -> None:
    reported: list[int] = []
    append_to(path, b"x" * 3 * BLOCK, 0, reported)
    append_to(path, b"y" * BLOCK, BLOCK, reported)
    assert reported == [3 * BLOCK, 2 * BLOCK]
    assert part_of(path).read_bytes() == b"x" * BLOCK + b"y" * BLOCK + b"x" * BLOCK


def test_file_that_does_not_exist_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), append.locked(tmp_path / "1.tar", 0):
        pass


def test_locked_file_is_not_locked_again(path: Path) -> None:
    with append.locked(path, 0) as first, append.locked(path, 0) as second:
        assert (first is None, second) == (False, None)
