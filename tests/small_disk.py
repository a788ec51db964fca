"""A file system of a few MiB (a tmpfs), for tests with a full disk."""

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
    """Mount a file system of `size` bytes; yield its folder."""
    folder.mkdir()
    with _as_root(folder, size) if os.geteuid() == 0 else _in_a_namespace(folder, size) as mounted:
        yield mounted


def fill(disk: Path, leaving: int = 0) -> None:
    """Write until the disk is full, then free `leaving` bytes."""
    with (disk / FILLING).open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * BLOCK):
                pass
        except OSError:
            file.truncate(file.tell() - leaving)


def empty(disk: Path) -> None:
    """Remove the file that fills the disk."""
    (disk / FILLING).unlink()


@contextmanager
def _as_root(folder: Path, size: int) -> Iterator[Path]:
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        # A process may still have a file open there.
        _run("umount", "--lazy", str(folder))


@contextmanager
def _in_a_namespace(folder: Path, size: int) -> Iterator[Path]:
    """Mount it in the mount namespace of a process; other processes access it through /proc."""
    script = f'mount -t tmpfs -o size={size} tmpfs "$0" && echo mounted && exec sleep infinity'
    with subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            if not holder.stdout or holder.stdout.readline() != "mounted\n":
                pytest.fail("cannot mount a small disk: run the tests as root, or allow user namespaces")
            yield Path(f"/proc/{holder.pid}/root{folder}")
        finally:
            holder.kill()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"cannot mount a small disk: {' '.join(command)}: {done.stderr.strip()}")
