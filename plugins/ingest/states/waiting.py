"""What a job waits for after an attempt failed: the value that the ledger holds, its sentence for people, and the delays.

Created by `ingest.stages.failures` when an attempt fails; read by `job_state` and by housekeeping.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

# Higher powers of two do not matter, because the longest delay is reached long before.
MAX_DOUBLINGS = 30
TIMES = ("since", "next_attempt_at", "retry_until")


class Resumption(StrEnum):
    """How far housekeeping has got with the next attempt of a job.

    - `none`: the service does not answer yet, or has not been checked since.
    - `in_line`: the service answers again, and older jobs go first.
    - `started`: Airflow was requested to start the attempt.
    """

    NONE = "none"
    IN_LINE = "in_line"
    STARTED = "started"


@dataclass(frozen=True)
class Cause:
    """Why an attempt failed and why another one may succeed; `url` is empty unless the cause is a service."""

    service: str
    url: str
    code: str
    reason: str


@dataclass(frozen=True)
class Waiting:
    """A job that waits for its next attempt.

    - `service`: the part that must recover, such as `archive` or `spool`; `url` is its address if it is a service.
    - `since`: when the first attempt failed because of it.
    - `attempt`: the number of attempts that have failed since then.
    - `code`, `reason`: the error of the last one.
    - `retry_until`: when the job fails if the cause lasts; None if it waits without end.
    """

    service: str
    url: str
    since: datetime
    attempt: int
    next_attempt_at: datetime
    code: str
    reason: str
    retry_until: datetime | None = None
    resumption: Resumption = Resumption.NONE

    @classmethod
    def begin(cls, cause: Cause, now: datetime) -> Self:
        """Return the wait after the first attempt that failed for a cause."""
        return cls(cause.service, cause.url, now, 1, now, cause.code, cause.reason)

    @classmethod
    def from_stored(cls, document: Mapping[str, Any]) -> Self:
        """Return a wait that the ledger holds as JSON."""
        times = {name: datetime.fromisoformat(document[name]) for name in TIMES if document.get(name)}
        resumption = Resumption(document.get("resumption", Resumption.NONE))
        return cls(**{**document, **times, "resumption": resumption})

    def as_json(self) -> dict[str, Any]:
        """Return the wait as the ledger holds it."""
        document = asdict(self)
        return {**document, **{name: document[name].isoformat() for name in TIMES if document[name]}}

    def after_failure(self, cause: Cause, now: datetime) -> Self:
        """Return the wait after one more failed attempt; another cause begins a new wait."""
        if (cause.service, cause.code) != (self.service, self.code):
            return self.begin(cause, now)
        return replace(self, url=cause.url, reason=cause.reason, attempt=self.attempt + 1, resumption=Resumption.NONE)

    def until(self, next_attempt_at: datetime, retry_until: datetime | None = None) -> Self:
        """Return the wait with other times of the next attempt and of its end."""
        return replace(self, next_attempt_at=next_attempt_at, retry_until=retry_until)

    @property
    def sentence(self) -> str:
        """What the job waits for, since when, which attempt failed, and when the next one starts."""
        if self.resumption is Resumption.IN_LINE:
            return f"{self.code}: {self._place} answers again; the job continues after older ones"
        times = f"attempt {self.attempt}; next at {self.next_attempt_at.astimezone(UTC):%H:%M UTC}"
        if self.retry_until is not None:
            times += f"; gives up at {self.retry_until.astimezone(UTC):%Y-%m-%d %H:%M UTC}"
        if self.url:
            return f"{self.code}: {self.service} unavailable at {self.url} since {self.since_text} ({self.reason}); {times}"
        return f"{self.code}: {self.reason}; waiting since {self.since_text}; {times}"

    @property
    def _place(self) -> str:
        return f"{self.service} at {self.url}" if self.url else f"the {self.service}"

    @property
    def since_text(self) -> str:
        """The time since which the job waits, with its date if the next attempt is on another day."""
        since, following = self.since.astimezone(UTC), self.next_attempt_at.astimezone(UTC)
        return f"{since:%H:%M UTC}" if since.date() == following.date() else f"{since:%Y-%m-%d %H:%M UTC}"


def delay_after(failures: int, first: float, longest: float) -> float:
    """Return the seconds until the next attempt: doubled with each failure, shortened at random by up to a quarter.

    The randomness spreads jobs that failed simultaneously.
    """
    delay = min(first * 2.0 ** min(max(failures - 1, 0), MAX_DOUBLINGS), longest)
    return delay * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, hides nothing
