"""The jobs that wait for one service and may be resumed, the oldest first, and which of them is resumed next.

Used by `ingest.operations.resume_jobs`. The limits keep a service that has just recovered from being overloaded:

- A few attempts are in progress simultaneously. When a job gets beyond the stage that waited, or fails again, the next one
  follows. Each success allows one more, up to `most`. A queue lives for less than a minute, so only short attempts do this:
  long ones leave a slot of the archive to new jobs.
- A service that answers a check may still fail every job. So after MAX_FAILURES attempts that failed in a row no other job
  tries it. Every fourth of them is the attempt of the newest job, because the oldest ones may fail for reasons of their own.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ingest.ledger.jobs import JobSnapshot
from ingest.states.waiting import Waiting

MAX_FAILURES = 16
NEWEST_EVERY = 4


@dataclass
class ResumptionQueue:
    """`ready` are the jobs that were not started yet, `limit` is the number of attempts in progress simultaneously."""

    service: str
    ready: list[JobSnapshot]
    limit: int
    most: int
    failures: int = 0
    has_succeeded: bool = False
    _started: dict[int, JobSnapshot] = field(default_factory=dict)

    @property
    def always_fails(self) -> bool:
        """Whether so many attempts failed in a row that the others are not worth trying."""
        return self.failures >= MAX_FAILURES

    @property
    def started(self) -> Collection[int]:
        """The ids of the jobs whose attempts have not ended, as far as is known."""
        return self._started.keys()

    def take(self, is_turn: Callable[[JobSnapshot], bool]) -> JobSnapshot | None:
        """Remove and return the job that is resumed next; None if it is no job's turn."""
        job = self._next(is_turn)
        if job is not None:
            self.ready.remove(job)
            self._started[job.received.job_id] = job
        return job

    def _next(self, is_turn: Callable[[JobSnapshot], bool]) -> JobSnapshot | None:
        if self.ready and self.failures % NEWEST_EVERY == NEWEST_EVERY - 1 and is_turn(self.ready[-1]):
            return self.ready[-1]
        # If it is not the turn of a user's oldest job, it is not that of the others.
        users = set[str]()
        for job in self.ready:
            if job.received.user not in users and is_turn(job):
                return job
            users.add(job.received.user)
        return None

    def observe(self, found: Mapping[int, JobSnapshot]) -> None:
        """Count which of the started attempts have succeeded or failed, by the jobs as they are now."""
        for job_id, job in found.items():
            before = self._started[job_id].record
            if _attempt(job.record.waiting) == _attempt(before.waiting):
                continue
            del self._started[job_id]
            if job.record.waiting is not None:
                self.failures += 1
            elif not job.record.is_stopped:
                # A job that has failed for good says nothing about the service: its time may have been over.
                self.has_succeeded, self.failures = True, 0
                self.limit = min(self.limit + 1, self.most)


def _attempt(waiting: Waiting | None) -> tuple[str, int] | None:
    return (waiting.service, waiting.attempt) if waiting else None
