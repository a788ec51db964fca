"""Files are hashed on all cores, once; every file that fails is reported."""

import hashlib
import os
from pathlib import Path

import pytest

from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.hashing import hash_files
from pacifica_ingest_client.bundle.sources import find_files
from pacifica_ingest_client.errors import SourceChanged, SourceUnreadable
from pacifica_ingest_client.progress import NoProgress
from tests.client.folders import CONTENTS, overwrite_unnoticed, write_files


class Counted(NoProgress):
    """Counts the bytes of each start, and those that were read."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.read = 0

    def start(self, step: str, total: int | None) -> None:  # noqa: ARG002 - of the protocol
        self.total = total

    def advance(self, amount: int) -> None:
        self.read += amount


class Interrupting(NoProgress):
    """Interrupts as Ctrl-C does, in the thread that records the hashes."""

    def __init__(self, table: FileTable) -> None:
        self._set_digest = table.set_digest
        table.set_digest = self.interrupt  # type: ignore[method-assign]

    def interrupt(self, name: str, digest: str) -> None:
        self._set_digest(name, digest)
        raise KeyboardInterrupt


def listed(table: FileTable, folder: str) -> None:
    table.replace(find_files([folder]))


@pytest.mark.parametrize("workers", [1, 4])
def test_each_file_has_its_sha256(table: FileTable, tmp_path: Path, workers: int):
    listed(table, write_files(tmp_path))
    hash_files(table, NoProgress(), workers)
    assert {file.name: digest for file, digest in table.files()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()
    }


def test_progress_counts_every_byte_once(table: FileTable, tmp_path: Path):
    listed(table, write_files(tmp_path))
    progress = Counted()
    hash_files(table, progress)
    assert progress.read == progress.total == sum(map(len, CONTENTS.values()))


def test_a_restart_reads_no_file_again(table: FileTable, tmp_path: Path):
    folder = write_files(tmp_path)
    listed(table, folder)
    hash_files(table, NoProgress())
    overwrite_unnoticed(tmp_path / "run/one.txt", b"new\n")
    listed(table, folder)
    progress = Counted()
    hash_files(table, progress)
    assert (progress.read, progress.total) == (0, 0)


def test_hashes_survive_an_interruption(table: FileTable, tmp_path: Path):
    folder = write_files(tmp_path)
    listed(table, folder)
    with pytest.raises(KeyboardInterrupt):
        hash_files(table, Interrupting(table), 1)
    assert len(list(table.without_digest())) == len(CONTENTS) - 1


def test_a_file_that_changed_is_an_error(table: FileTable, tmp_path: Path):
    listed(table, write_files(tmp_path))
    (tmp_path / "run/one.txt").write_bytes(b"changed")
    with pytest.raises(SourceChanged, match=r"one\.txt"):
        hash_files(table, NoProgress())


def test_every_file_that_cannot_be_hashed_is_named(table: FileTable, tmp_path: Path):
    listed(table, write_files(tmp_path))
    for name in ("run/one.txt", "run/block.bin"):
        os.truncate(tmp_path / name, 1)
    with pytest.raises(SourceUnreadable, match="2 files") as raised:
        hash_files(table, NoProgress())
    assert ["block.bin" in raised.value.faults[0], "one.txt" in raised.value.faults[1]] == [True, True]
