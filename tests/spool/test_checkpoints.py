"""The bytes of a request become durable while more arrive; what was not synced is never reported."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors.types import DatabaseUnavailable, IncompleteBody, SpoolUnavailable
from ingest.spool import append, checkpoints
from tools.waiting import wait_until

BLOCK = 4096


class Blocks:
    """A stream of blocks; each is read when a condition holds for the number of blocks before it."""

    def __init__(self, count: int, is_next: Callable[[int], bool], end: Exception | None = None) -> None:
        self._count = count
        self._is_next = is_next
        self._end = end
        self._read = 0

    def read(self, _size: int, /) -> bytes:
        wait_until(lambda: self._is_next(self._read), 30, lambda: f"block {self._read} is not read")
        if self._read == self._count:
            if self._end:
                raise self._end
            return b""
        self._read += 1
        return b"x" * BLOCK


@pytest.fixture(autouse=True)
def after_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_BYTES", BLOCK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    append.create(tmp_path / "1.tar", None)
    return tmp_path / "1.tar"


def append_to(path: Path, body: Blocks | io.BytesIO, report: Callable[[int], None]) -> None:
    with append.locked(path, 0) as file:
        assert file is not None
        append.append(body, file, path, 1, 0, BLOCK, None, report)


def test_offset_is_reported_before_more_arrives(path: Path) -> None:
    reported: list[int] = []
    append_to(path, Blocks(3, lambda read: read == 0 or BLOCK in reported), reported.append)
    assert (reported[0], reported[-1]) == (BLOCK, 3 * BLOCK)


def test_offset_is_reported_after_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_BYTES", 1024**3)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0)
    reported: list[int] = []
    append_to(path, Blocks(2, lambda read: read == 0 or BLOCK in reported), reported.append)
    assert reported == [BLOCK, 2 * BLOCK]


def test_blocks_are_written_during_a_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_sync = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: may_sync.wait(30))
    reported: list[int] = []

    def is_next(read: int) -> bool:
        if read == 3:
            may_sync.set()
        return True

    append_to(path, Blocks(3, is_next), reported.append)
    assert reported == [BLOCK, 3 * BLOCK]


@pytest.mark.parametrize("end", [None, IncompleteBody("cut off")])
def test_offset_after_a_failed_sync_is_never_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, end: Exception | None
) -> None:
    """Linux reports a failed write once, and the next sync succeeds."""
    synced: list[int] = []

    def fdatasync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 1:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    reported: list[int] = []
    with pytest.raises(SpoolUnavailable):
        append_to(path, Blocks(1, lambda read: len(synced) >= read, end), reported.append)
    assert (reported, len(synced)) == ([], 1)


def test_database_that_is_unavailable_in_between_does_not_end_the_request(path: Path) -> None:
    reported: list[int] = []

    def report(offset: int) -> None:
        reported.append(offset)
        if offset == BLOCK:
            raise DatabaseUnavailable("it restarts")

    append_to(path, Blocks(2, lambda read: len(reported) >= read), report)
    assert reported == [BLOCK, 2 * BLOCK]


def test_database_that_is_unavailable_at_the_end_is_an_error(path: Path) -> None:
    def report(_offset: int) -> None:
        raise DatabaseUnavailable("it restarts")

    with pytest.raises(DatabaseUnavailable):
        append_to(path, io.BytesIO(b"x" * BLOCK), report)
