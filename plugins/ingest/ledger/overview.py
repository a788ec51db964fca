"""Count jobs for the overview: open ones, those that wait for a service, recent failures, and what was received each hour.

Called by `ingest.pages.overview`. Each count reads an index of the open or of the recent jobs, so it takes as long with a
million jobs as with a thousand; a backlog is counted up to a limit (docs/decisions/0026-pages.md has the plans).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.job_predicates import IS_IN_PHASE, IS_WAITING
from ingest.ledger.models import Job
from ingest.states.job_record import Phase

# The most open jobs that are counted; the overview says "more than".
MOST_COUNTED = 10_000
MOST_CAUSES = 8
HOURS = 24
HOUR = timedelta(hours=1)
# Jobs that fail today were received within this time: a job waits for days before it fails.
RECEIVED_WITHIN = timedelta(days=7)
BINS_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ServiceWait:
    """The jobs that wait for a service, or for free space, and since when the first of them does."""

    service: str
    since: datetime
    jobs: int


@dataclass(frozen=True)
class OpenJobs:
    """The jobs that continue by themselves; each number is at most MOST_COUNTED + 1."""

    running: int
    waiting: int
    waits: tuple[ServiceWait, ...]


@dataclass(frozen=True)
class FailureCause:
    """A code with which jobs failed within the last day, and how many jobs of how many users."""

    code: str
    jobs: int
    users: int


@dataclass(frozen=True)
class ReceivedHour:
    """What was received within an hour; `files` are those whose metadata was read."""

    begin: datetime
    jobs: int
    bytes: int
    files: int


def count_open_jobs(engine: Engine) -> OpenJobs:
    """Count the jobs that run and that wait; raises DatabaseUnavailable."""
    with transaction(engine) as session:
        running, waiting = (_count(session, phase) for phase in (Phase.RUNNING, Phase.WAITING))
        found = select(Job.waiting).where(IS_WAITING, Job.ended.is_(None)).limit(MOST_COUNTED + 1).subquery()
        service, since = found.c.waiting["service"].as_string(), found.c.waiting["since"].as_string()
        rows = session.execute(select(service, func.min(since), func.count()).group_by(service).order_by(service))
        waits = tuple(ServiceWait(name, datetime.fromisoformat(first), jobs) for name, first, jobs in rows)
    return OpenJobs(running, waiting, waits)


def _count(session: Session, phase: Phase) -> int:
    found = select(Job.id).where(IS_IN_PHASE[phase]).limit(MOST_COUNTED + 1).subquery()
    return session.scalars(select(func.count()).select_from(found)).one()


def count_failures(engine: Engine) -> list[FailureCause]:
    """Count the jobs that failed within the last day, by their code, the most frequent first; raises DatabaseUnavailable."""
    is_recent = (
        IS_IN_PHASE[Phase.FAILED],
        Job.created >= func.now() - RECEIVED_WITHIN,
        Job.updated >= func.now() - timedelta(days=1),
    )
    code = func.coalesce(Job.error_code, "")
    query = select(code, func.count(), func.count(Job.user.distinct())).where(*is_recent).group_by(code)
    with transaction(engine) as session:
        rows = session.execute(query.order_by(func.count().desc(), code).limit(MOST_CAUSES))
        return [FailureCause(*row) for row in rows]


def read_received_hours(engine: Engine) -> list[ReceivedHour]:
    """Return what was received in each of the last 24 hours, the oldest first; raises DatabaseUnavailable."""
    begin = func.date_bin(HOUR, Job.created, BINS_BEGIN)
    sums = (func.count(), func.sum(Job.size), func.coalesce(func.sum(Job.files), 0))
    with transaction(engine) as session:
        now: datetime = session.scalars(select(func.date_bin(HOUR, func.now(), BINS_BEGIN))).one()
        first = now - (HOURS - 1) * HOUR
        rows = session.execute(select(begin, *sums).where(Job.created >= first).group_by(begin))
        found = {row[0]: ReceivedHour(row[0], row[1], int(row[2]), int(row[3])) for row in rows}
    hours = (first + number * HOUR for number in range(HOURS))
    return [found.get(hour, ReceivedHour(hour, 0, 0, 0)) for hour in hours]
