"""Messages of the launcher on the terminal. Used by all of `ingest.local`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.system.sanitize import escape

TAIL_LINES = 15
TAIL_BYTES = 8192


class LaunchFailure(Exception):
    """The stack cannot run: the reason in one line, and the log file with the details."""

    def __init__(self, text: str, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log


def say(text: str) -> None:
    """Print one line and flush it, also into a pipe; ignore a reader that has closed the pipe."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print the name of a step and its seconds when it has succeeded."""
    started = time.monotonic()
    yield
    say(f"  {name} ... {time.monotonic() - started:.1f} s")


def complain(failure: LaunchFailure) -> None:
    """Print a failure to stderr: one line, and the last lines of its log file."""
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
