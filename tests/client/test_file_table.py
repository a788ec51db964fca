"""The table of files: hashes survive a restart as long as their file is unchanged, and one process has the table."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from select import select

import pytest

from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.sources import SourceFile, find_files
from pacifica_ingest_client.errors import StateUnusable
from pacifica_ingest_client.progress import NoProgress
from tests.client.folders import write_files

CLIENT = Path(__file__).parents[2] / "client"
HOLD = """
import sys, time
from pathlib import Path
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.progress import NoProgress
table = FileTable(Path(sys.argv[1]), NoProgress())
print("open", flush=True)
sys.stdin.read()
"""
SECONDS = 60
OPEN = """
import sys
from contextlib import ExitStack
from pathlib import Path
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.progress import NoProgress
for line in sys.stdin:
    FileTable(Path(line.strip()), NoProgress()).close()
    print("closed", flush=True)
"""
FILES = {"run/a": b"a", "run/b": b"b"}


class Notes(NoProgress):
    """Calls a function when the table reports that it waits."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.texts: list[str] = []
        self._process = process

    def note(self, text: str) -> None:
        self.texts.append(text)
        self._process.kill()


def started(program: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(CLIENT)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def send(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def received(process: "subprocess.Popen[str]") -> str:
    """Return the next line of a process, or "" if there is none within SECONDS."""
    assert process.stdout
    ready, _, _ = select([process.stdout], [], [], SECONDS)
    return process.stdout.readline().strip() if ready else ""


def without_digest(table: FileTable) -> set[str]:
    return {file.name for file in table.without_digest()}


def hash_all(table: FileTable) -> None:
    for file in list(table.without_digest()):
        table.set_digest(file.name, "0" * 64)


def test_unchanged_files_keep_their_hash_over_a_restart(tmp_path: Path):
    folder = write_files(tmp_path, FILES)
    for expected in ({"run/a", "run/b"}, set()):
        table = FileTable(tmp_path / "table", NoProgress())
        table.replace(find_files([folder]))
        assert without_digest(table) == expected
        hash_all(table)
        table.close()


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_a_changed_file_is_hashed_again(table: FileTable, tmp_path: Path, change: str):
    folder = write_files(tmp_path, FILES)
    table.replace(find_files([folder]))
    hash_all(table)
    path, status = tmp_path / "run/b", (tmp_path / "run/b").stat()
    if change == "time":
        os.utime(path, (1, 1))
    else:
        (tmp_path / "new").write_bytes(b"bb" if change == "size" else b"b")
        (tmp_path / "new").replace(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    table.replace(find_files([folder]))
    assert without_digest(table) == {"run/b"}


def test_files_that_are_gone_are_forgotten(table: FileTable, tmp_path: Path):
    folder = write_files(tmp_path, FILES)
    table.replace(find_files([folder]))
    hash_all(table)
    (tmp_path / "run/a").unlink()
    table.replace(find_files([folder]))
    assert [file.name for file, _ in table.files()] == ["run/b"]
    assert table.totals() == (1, 1)


def test_files_are_in_the_order_of_their_bytes(table: FileTable):
    expected = sorted((f"run/{name}" for name in ("a", "A", "a/b", "a b", "ä", "日", "b" * 300)), key=str.encode)
    table.replace(SourceFile(name, f"/{name}", 1, 1, "1") for name in reversed(expected))
    hash_all(table)
    assert [file.name for file, _ in table.files()] == expected
    assert [file.name for file, _ in table.files("run/a b")] == expected[expected.index("run/a b") :]


def test_more_files_than_one_batch_are_read(table: FileTable):
    table.replace(SourceFile(f"run/{number:05}", f"/{number}", 1, 1, "1") for number in range(2500))
    hash_all(table)
    assert [file.name for file, _ in table.files()] == [f"run/{number:05}" for number in range(2500)]


def test_a_second_process_waits_until_the_first_has_ended(tmp_path: Path):
    path = tmp_path / "table"
    with started(HOLD, str(path)) as first:
        assert received(first) == "open"
        # Its kill, while the second one waits, releases the lock.
        notes = Notes(first)
        FileTable(path, notes).close()
    assert first.returncode == -9
    assert "another process" in notes.texts[0]


def test_processes_that_open_a_new_table_simultaneously_get_it_one_after_the_other(tmp_path: Path):
    with ExitStack() as stack:
        processes = [stack.enter_context(started(OPEN)) for _ in range(3)]
        for process in processes:
            # Also when one of them hangs.
            stack.callback(process.kill)
        for number in range(20):
            for process in processes:
                send(process, f"{tmp_path}/table-{number}")
            assert [received(process) for process in processes] == ["closed"] * 3


def test_a_folder_that_cannot_hold_the_table_is_an_error(tmp_path: Path):
    with pytest.raises(StateUnusable, match="--state-folder"):
        FileTable(tmp_path / "missing" / "table", NoProgress())
