"""The shared state of the threads of a soak: uploads, answered jobs, faults and violations.

Written by the uploaders, the canceler, the watcher and the injector; read by the comparison and the report.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ingest.states.stages import Kind
from tools.soak.uploads import Upload
from tools.stack import State

UNFINISHED_ALLOWED = 30
UNKNOWN: State = {}


class Violation(NamedTuple):
    """An impossible state, of one job or (None) of no known job."""

    job_id: int | None
    what: str


class Cancellation(StrEnum):
    """What is known about the cancellation of a job; a request that was not answered may have canceled it."""

    NONE = "not requested"
    REQUESTED = "requested"
    REFUSED = "refused"
    DONE = "canceled"


@dataclass
class Answered:
    """A job that was answered, and its last shown state. `touched`: a person changed it, so it may have failed once."""

    job_id: int
    number: int
    kind: Kind
    good: bool
    answered: float = field(default_factory=time.monotonic)
    ended: float | None = None
    touched: bool = False
    cancellation: Cancellation = Cancellation.NONE
    shown: State = field(default_factory=lambda: UNKNOWN)
    shown_since: float = field(default_factory=time.monotonic)


class Journal:
    """The shared state; safe to use from several threads."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.faults: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()
        self.unanswered: set[int] = set()
        self.cut: set[int] = set()
        self.answered: dict[int, Answered] = {}
        self._violations: dict[Violation, None] = {}
        self._tried = 0
        self._lock = threading.Lock()

    @property
    def tried(self) -> int:
        """Return the number of uploads that began."""
        return self._tried

    @property
    def violations(self) -> list[Violation]:
        """Return the distinct violations in the order of their discovery."""
        with self._lock:
            return list(self._violations)

    def next_number(self) -> int | None:
        """Return the number of the next upload; None while too many jobs are unfinished."""
        with self._lock:
            if sum(job.ended is None for job in self.answered.values()) >= UNFINISHED_ALLOWED:
                return None
            self._tried += 1
            return self._tried

    def record_answer(self, made: Upload, job_id: int) -> None:
        """Record that an upload was answered 200."""
        job = Answered(job_id, made.number, made.kind, made.mistake is None)
        with self._lock:
            before = self.answered.setdefault(job_id, job)
        if before is not job:
            self.violate(job_id, f"the uploads {before.number} and {made.number} were answered the same job id")

    def jobs(self, *, ended: bool) -> list[Answered]:
        """Return the answered jobs that have, or have not, ended."""
        with self._lock:
            return [job for job in self.answered.values() if (job.ended is not None) is ended]

    def cancellation_of(self, job_id: int) -> Cancellation:
        """Return what is known about the cancellation of a job, answered or not."""
        with self._lock:
            job = self.answered.get(job_id)
        return Cancellation.NONE if job is None else job.cancellation

    def violate(self, job_id: int | None, what: str) -> None:
        """Record a violation."""
        with self._lock:
            self._violations.setdefault(Violation(job_id, what))
