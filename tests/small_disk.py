"""A file system of a few MiB that is really full when it is full: a tmpfs."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLING = "filling"
BLOCK = 64 * 1024


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of `size` bytes; gives the folder to use it by."""
    folder.mkdir()
    with _as_root(folder, size) if os.geteuid() == 0 else _in_a_namespace(folder, size) as mounted:
        yield mounted


def fill(disk: Path, leaving: int = 0) -> None:
    """Write until nothing fits any more, then make `leaving` bytes of room."""
    with (disk / FILLING).open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * BLOCK):
                pass
        except OSError:
            file.truncate(file.tell() - leaving)


def empty(disk: Path) -> None:
    """Take away what fills the disk."""
    (disk / FILLING).unlink()


@contextmanager
def _as_root(folder: Path, size: int) -> Iterator[Path]:
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        # What still has a file open there must not keep it.
        _run("umount", "--lazy", str(folder))


@contextmanager
def _in_a_namespace(folder: Path, size: int) -> Iterator[Path]:
    """Mount it in a namespace of its own, which a process holds open and through which all others see it."""
    script = f'mount -t tmpfs -o size={size} tmpfs "$0" && echo mounted && exec sleep infinity'
    with subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            if not holder.stdout or holder.stdout.readline() != "mounted\n":
                pytest.fail("a small disk cannot be made: run the tests as root, or allow user namespaces")
            yield Path(f"/proc/{holder.pid}/root{folder}")
        finally:
            holder.kill()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"a small disk cannot be made: {' '.join(command)}: {done.stderr.strip()}")
