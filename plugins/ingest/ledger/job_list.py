"""Read pages of the list of jobs, newest first.

Called by `api.routes.jobs`. Each page is one query that begins after the last job of the page before (keyset paging), so
jobs that arrive meanwhile neither repeat a job nor hide one. Each filter has an index in this order (`Job.__table_args__`,
docs/decisions/0021-lists-by-keyset.md).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import ColumnElement, Engine, or_, select, tuple_

from ingest.ledger.database import transaction
from ingest.ledger.job_predicates import IS_IN_PHASE
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.jobs import LARGEST_ID
from ingest.ledger.models import Job
from ingest.states.job_record import Phase
from ingest.states.stages import Kind

ORDER = (Job.created, Job.id)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")


@dataclass(frozen=True)
class JobFilter:
    """The jobs of a list; each field that is not None excludes jobs.

    `since` and `until` limit the time at which a job was received, `until` exclusively. `search` is a job id, or the
    beginning of the name of a user, a project or an instrument.
    """

    phase: Phase | None = None
    kind: Kind | None = None
    user: str | None = None
    project: str | None = None
    instrument: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None


@dataclass(frozen=True)
class Place:
    """The place of a job in the list."""

    created: datetime
    job_id: int

    @classmethod
    def from_cursor(cls, text: str) -> Self:
        """Return the place that a cursor names; raises ValueError."""
        found = CURSOR.fullmatch(text)
        if not found:
            raise ValueError("not a cursor (use the address of the next page as it is)")
        return cls(EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))

    @property
    def cursor(self) -> str:
        """The place as a text, for the address of the page that follows it."""
        return f"{(self.created - EPOCH) // timedelta(microseconds=1)}-{self.job_id}"


@dataclass(frozen=True)
class ListedJob:
    """A job, and what its metadata declares: None until `load_metadata` has read it."""

    snapshot: JobSnapshot
    project: str | None
    instrument: str | None
    files: int | None
    bytes: int | None
    error_code: str | None

    @property
    def place(self) -> Place:
        """The place of the job in the list."""
        return Place(self.snapshot.created, self.snapshot.received.job_id)


def read_page(engine: Engine, wanted: JobFilter, after: Place | None, limit: int) -> list[ListedJob]:
    """Return up to `limit` jobs that follow a place, or the first ones; raises DatabaseUnavailable."""
    conditions = list(_conditions(wanted))
    if after is not None:
        conditions.append(tuple_(*ORDER) < (after.created, after.job_id))
    query = select(Job).where(*conditions).order_by(*(column.desc() for column in ORDER)).limit(limit)
    with transaction(engine) as session:
        return [to_listed(job) for job in session.scalars(query)]


def to_listed(job: Job) -> ListedJob:
    """Convert a row."""
    return ListedJob(to_snapshot(job), job.project, job.instrument, job.files, job.bytes, job.error_code)


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    equal = {
        Job.kind: wanted.kind,
        Job.user: wanted.user,
        Job.project: wanted.project,
        Job.instrument: wanted.instrument,
        Job.error_code: wanted.code,
    }
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if wanted.phase is not None:
        conditions.append(IS_IN_PHASE[wanted.phase])
    if wanted.since is not None:
        conditions.append(Job.created >= wanted.since)
    if wanted.until is not None:
        conditions.append(Job.created < wanted.until)
    if wanted.search is not None:
        conditions.append(_matches(wanted.search))
    return conditions


def _matches(search: str) -> ColumnElement[bool]:
    names = (Job.user, Job.project, Job.instrument)
    begins: list[ColumnElement[bool]] = [name.startswith(search, autoescape=True) for name in names]
    is_id = search.isascii() and search.isdigit() and int(search) <= LARGEST_ID
    return or_(*begins, *([Job.id == int(search)] if is_id else []))
