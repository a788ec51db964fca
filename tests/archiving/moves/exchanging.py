"""A process that repeatedly exchanges two entries of a folder, as an account with write permission can.

`python -m tests.archiving.moves.exchanging ONE OTHER` runs until it is killed.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.waiting import wait_until

PROJECT = Path(__file__).parents[3]
AT_FDCWD = -100
RENAME_EXCHANGE = 2
START_SECONDS = 60


@contextmanager
def exchanging(one: Path, other: Path) -> Iterator[None]:
    """Exchange two entries in a separate process during the `with` block."""
    before = one.lstat().st_ino
    command = [sys.executable, "-m", "tests.archiving.moves.exchanging", str(one), str(other)]
    with subprocess.Popen(command, cwd=PROJECT) as process:
        try:
            wait_until(lambda: one.lstat().st_ino != before, START_SECONDS, lambda: "nothing is exchanged")
            yield
            assert process.poll() is None, "the process has ended"
        finally:
            process.kill()


def exchange_for_ever(one: bytes, other: bytes) -> None:
    """Call renameat2(2) in a loop."""
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    while True:
        if renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    exchange_for_ever(*map(os.fsencode, sys.argv[1:]))
