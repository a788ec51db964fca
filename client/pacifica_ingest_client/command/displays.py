"""What the command shows on the standard error: bars on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from threading import Lock

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import (
    Progress as Bars,
)

from pacifica_ingest_client.progress import NoProgress, Progress

LINE_SECONDS = 10.0
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
STEP = 1024
FULL = 100


def display_of(*, quiet: bool) -> Progress:
    """Return the display for the standard error as it is now."""
    if quiet:
        return NoProgress()
    return BarDisplay(Console(stderr=True)) if sys.stderr.isatty() else LineDisplay()


def size_text(size: float) -> str:
    """Return a number of bytes for people."""
    unit = 0
    while size >= STEP and unit < len(UNITS) - 1:
        size /= STEP
        unit += 1
    return f"{size:.1f} {UNITS[unit]}" if unit else f"{size:.0f} bytes"


def escape_controls(text: str) -> str:
    """Escape the characters of a text that would control a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class BarDisplay:
    """A bar for each step: bytes, rate and time left, or the percentage of a stage of the job."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._task = TaskID(0)
        self._is_of_bytes = False

    def start(self, step: str, total: int | None) -> None:
        """Show the next bar below the last one."""
        self.finish()
        self._is_of_bytes = total is not None
        columns: tuple[ProgressColumn, ...] = (TextColumn("{task.percentage:>5.1f} %"),)
        if total is not None:
            columns = (DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
        text = TextColumn("{task.description}", markup=False)
        self._bars = Bars(text, BarColumn(), *columns, console=self._console)
        self._task = self._bars.add_task(escape_controls(step), total=FULL if total is None else total)
        self._bars.start()

    def advance(self, amount: int) -> None:
        """Lengthen the bar."""
        if self._bars:
            self._bars.advance(self._task, amount)

    def move_to(self, done: float) -> None:
        """Set the length of the bar. What was sent earlier does not count for the rate, so a bar of bytes starts again."""
        if self._bars and self._is_of_bytes:
            self._bars.reset(self._task, completed=int(done))
        elif self._bars:
            self._bars.update(self._task, completed=done)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(escape_controls(text), markup=False, highlight=False)

    def finish(self) -> None:
        """Leave the last bar as it is."""
        if self._bars:
            self._bars.stop()
            self._bars = None


class LineDisplay:
    """A line at the start of a step, and one every ten seconds while it makes progress."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._step, self._done = "", 0.0
        self._total: int | None = None
        self._began = self._printed = time.monotonic()
        self._first = 0.0

    def start(self, step: str, total: int | None) -> None:
        """Print the step."""
        self._step, self._total, self._done, self._first = step, total, 0.0, 0.0
        self._began = self._printed = time.monotonic()
        self.note(f"{step} ({size_text(total)})" if total is not None else step)

    def advance(self, amount: int) -> None:
        """Add to the progress."""
        with self._lock:
            self._done += amount
        self._print_sometimes()

    def move_to(self, done: float) -> None:
        """Set the progress."""
        with self._lock:
            self._done = self._first = done
        self._print_sometimes()

    def note(self, text: str) -> None:
        """Print a line."""
        print(escape_controls(text), file=sys.stderr, flush=True)  # noqa: T201

    def finish(self) -> None:
        """Print nothing more."""

    def _print_sometimes(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._printed < LINE_SECONDS:
                return
            self._printed = now
        self.note(f"{self._step}: {self._text(now)}")

    def _text(self, now: float) -> str:
        if self._total is None:
            return f"{self._done:.1f} %"
        rate = (self._done - self._first) / (now - self._began)
        left = f", {(self._total - self._done) / rate:.0f} s left" if rate > 0 else ""
        return f"{size_text(self._done)} of {size_text(self._total)}, {size_text(rate)}/s{left}"
