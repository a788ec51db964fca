"""What the launcher tells the person at the terminal. Used by all of `ingest.local`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.system.sanitize import escape

TAIL_LINES = 15
TAIL_BYTES = 8192


class LaunchFailure(Exception):
    """The stack cannot run; the text says why in one line, and `log` is the file that says more."""

    def __init__(self, text: str, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log


def say(text: str) -> None:
    """Write one line at once, also into a pipe; a reader that has gone away is no reason to stop."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what was done and how many seconds it took, when it succeeded."""
    started = time.monotonic()
    yield
    say(f"  {name} ... {time.monotonic() - started:.1f} s")


def complain(failure: LaunchFailure) -> None:
    """Write why the stack cannot run to stderr: one line, and the end of a log file when one tells more."""
    lines = [f"pacifica-ingest: {failure}"]
    if failure.log is not None:
        lines += [f"The last lines of {failure.log}:", *(f"  | {escape(line)}" for line in _tail(failure.log))]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return [f"(cannot be read: {error.strerror})"]
    return text.splitlines()[-TAIL_LINES:]
