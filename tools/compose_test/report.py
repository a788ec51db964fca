"""The checks of a run, printed as they end, and its exit status."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.local.reporting import say


class Report:
    """Counts the checks that failed."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.faults = 0

    @contextmanager
    def check(self, sentence: str) -> Iterator[None]:
        """Print whether the body raised an error, and its seconds; the run goes on."""
        begun = time.monotonic()
        try:
            yield
        except Exception:
            self.faults += 1
            self._line("FAULT", begun, sentence)
            say(traceback.format_exc())
        else:
            self._line("ok", begun, sentence)

    def skip(self, subject: str, reason: str) -> None:
        """Print that something is not checked, and why."""
        self._line("skip", time.monotonic(), f"{subject}: {reason}")

    def _line(self, outcome: str, begun: float, sentence: str) -> None:
        now = time.monotonic()
        say(f"[{now - self._begun:4.0f} s] {outcome:5} {sentence} ({now - begun:.1f} s)")
