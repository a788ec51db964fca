"""The report of a soak: as a table for people, and as JSON. Made by `soak`."""

import json
import resource
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ingest.ledger.events import EventKind
from ingest.ledger.models import Event
from ingest.states.job_record import JobStatus
from tools.soak.journal import Answered, Journal, Violation
from tools.soak.notifications.receiver_process import Arrival
from tools.soak.watching import is_canceled

KILOBYTES_PER_MEGABYTE = 1024
# The JSON file contains all violations.
VIOLATIONS_SHOWN = 50
STORIES_TOLD = 20


@dataclass(frozen=True)
class Figures:
    """Figures from the ledger and the receiver of notifications at the end.

    `tries` counts stages that began, `most_tries` those of one stage of one job; `stories` are the events of jobs that
    violations name.
    """

    tries: int
    most_tries: int
    notifications: dict[str, int]
    stories: dict[int, list[str]]


@dataclass(frozen=True)
class Report:
    """The results of a soak; `figures` is None when the end was not compared."""

    seed: int
    services: str
    seconds: float
    faults: dict[str, int]
    uploads: dict[str, int]
    refused: dict[int, int]
    jobs: dict[str, int]
    longest_seconds: float
    megabytes: float
    violations: list[Violation]
    figures: Figures | None

    @property
    def exit_status(self) -> int:
        """Return 1 with a violation, or when the end was not compared."""
        return int(bool(self.violations) or self.figures is None)

    def text(self) -> str:
        """Return the report for people."""
        words = [
            f"Soak of the {self.services} services, seed {self.seed}: {self.seconds / 60:.1f} minutes in all",
            *_table("Faults", self.faults),
            *_table("Uploads", self.uploads),
            *_table("Answers other than 200", self.refused),
            *_table("Jobs", self.jobs),
            *self._figures_text(),
            f"Longest time from the answer to the end: {self.longest_seconds:.0f} s",
            f"Memory of the soak itself: {self.megabytes:.0f} MB at most",
            f"Violations: {len(self.violations)}",
            *(f"  job {job_id}: {what}" for job_id, what in self.violations[:VIOLATIONS_SHOWN]),
        ]
        return "\n".join(words)

    def _figures_text(self) -> list[str]:
        if self.figures is None:
            return ["The end was not compared."]
        return [
            *_table("Notifications", self.figures.notifications),
            f"Tries of stages: {self.figures.tries}, at most {self.figures.most_tries} of one stage of one job",
        ]

    def write(self, folder: Path) -> Path:
        """Write it as JSON; return where."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.services}-{self.seed}.json"
        document = {**asdict(self), "violations": [violation._asdict() for violation in self.violations]}
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def make_report(seed: int, services: str, seconds: float, journal: Journal, figures: Figures | None) -> Report:
    """Make the report of a journal."""
    longest = max((job.ended - job.answered for job in journal.jobs(ended=True) if job.ended), default=0.0)
    return Report(
        seed=seed,
        services=services,
        seconds=round(seconds, 1),
        faults=dict(journal.faults),
        uploads=_uploads(journal),
        refused=dict(journal.refused),
        jobs=dict(Counter(_end(job) for job in journal.answered.values())),
        longest_seconds=round(longest, 1),
        megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_PER_MEGABYTE, 1),
        violations=journal.violations,
        figures=figures,
    )


def read_figures(engine: Engine, arrivals: Iterable[Arrival], violations: list[Violation]) -> Figures:
    """Read the figures."""
    counts = select(func.count()).where(Event.kind == EventKind.STAGE_STARTED).group_by(Event.job_id, Event.stage)
    with Session(engine) as session:
        tries = list(session.scalars(counts))
    named = sorted({violation.job_id for violation in violations if violation.job_id is not None})
    stories = {job_id: _story(engine, job_id) for job_id in named[:STORIES_TOLD]}
    return Figures(sum(tries), max(tries, default=0), _notifications(list(arrivals)), stories)


def _notifications(arrivals: list[Arrival]) -> dict[str, int]:
    distinct = len({arrival.message_id for arrival in arrivals})
    return {"distinct messages": distinct, **Counter(arrival.answer.value for arrival in arrivals)}


def _uploads(journal: Journal) -> dict[str, int]:
    return {
        "tried": journal.tried,
        "answered": len(journal.answered),
        "unanswered": len(journal.unanswered),
        "cut by the client": len(journal.cut),
    }


def _story(engine: Engine, job_id: int) -> list[str]:
    with Session(engine) as session:
        events = session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.id))
        return [f"{event.at} {event.kind} {event.stage} {event.attempt} {event.code} {event.text}" for event in events]


def _end(job: Answered) -> str:
    if job.ended is None:
        return "unfinished"
    if is_canceled(job.shown):
        return "canceled"
    return "rejected" if job.shown["state"] == JobStatus.FAILED else "complete"


def _table(title: str, counts: dict[str, int] | dict[int, int]) -> list[str]:
    rows = [f"  {count:6}  {name}" for name, count in sorted(counts.items(), key=lambda row: str(row[0]))]
    return [f"{title}:", *rows] if rows else []
