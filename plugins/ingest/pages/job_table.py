"""The rows of the list of jobs. Called by the pages that show jobs in a table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from ingest.ledger.job_details import SENDING, read_attempts
from ingest.ledger.job_ends import read_ends
from ingest.ledger.job_list import ListedJob, read_page
from ingest.ledger.job_report import error_message, sending_rate
from ingest.orchestrator.inferred_run import infer_state
from ingest.pages.filters import ListQuery
from ingest.pages.overview import Overview
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.states.job_record import JobState, Phase
from ingest.states.stage_history import Attempt
from ingest.states.stages import Kind

PAGE_SIZE = 50
# How often the page fetches the list again, in seconds.
REFRESH_SECONDS = 2


@dataclass(frozen=True)
class JobRow:
    """A job in a table; its state is that of `GET /jobs`, by the ledger alone.

    - `rate`: the bytes a second that are sent now, or were archived on average since a complete job was received.
    - `ended`: when the job failed or was complete; None while it continues by itself.
    """

    job: ListedJob
    state: JobState
    rate: float | None
    ended: datetime | None

    @property
    def job_id(self) -> int:
        """The id of the job."""
        return self.job.snapshot.received.job_id

    @property
    def kind(self) -> Kind:
        """The kind of the job."""
        return self.job.snapshot.received.kind

    @property
    def phase(self) -> Phase:
        """Waiting, running, failed or complete."""
        return self.job.snapshot.record.phase

    @property
    def size(self) -> int:
        """The bytes of the files; until the metadata is read, those of the bundle."""
        return self.job.snapshot.received.size if self.job.bytes is None else self.job.bytes

    @property
    def duration(self) -> timedelta:
        """The time since the job was received, until it ended."""
        return _duration(self.job, self.ended)

    @property
    def cause(self) -> str:
        """Why the job failed or waits, in words."""
        return error_message(self.job.snapshot.record, self.state) if self.code else self.state.exception

    @property
    def code(self) -> str | None:
        """The code of the error with which the job failed."""
        return self.job.error_code if self.phase is Phase.FAILED else None


@dataclass(frozen=True)
class JobTable:
    """A page of the list; `following` is the query string of the next page, empty after the last one."""

    rows: tuple[JobRow, ...]
    following: str


def render_jobs(
    site: Site, engine: Engine, query: ListQuery, kinds: Collection[Kind], overview: Overview | None = None
) -> str:
    """Return the page of the list for a reader who sees jobs of these kinds; raises DatabaseUnavailable."""
    query = query.of_kinds(kinds)
    return render(
        "jobs.html",
        site=site,
        query=query,
        table=read_table(engine, query),
        overview=overview,
        refresh=REFRESH_SECONDS,
        phases=list(Phase),
        kinds=kinds,
    )


def read_table(engine: Engine, query: ListQuery) -> JobTable:
    """Read a page of the list; raises DatabaseUnavailable."""
    if query.faults:
        return JobTable((), "")
    found = read_page(engine, query.filter, query.after, PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    following = query.page_after(page[-1].place) if len(found) > PAGE_SIZE else ""
    return JobTable(to_rows(engine, page), following)


def to_rows(engine: Engine, jobs: Iterable[ListedJob]) -> tuple[JobRow, ...]:
    """Return jobs as a table shows them; raises DatabaseUnavailable."""
    found = list(jobs)
    attempts = read_attempts(engine, [job.place.job_id for job in found if _is_sending(job)])
    ends = read_ends(engine, [job.place.job_id for job in found if _has_ended(job)])
    return tuple(_to_row(job, attempts.get(job.place.job_id, ()), ends.get(job.place.job_id)) for job in found)


def _to_row(job: ListedJob, attempts: tuple[Attempt, ...], end: datetime | None) -> JobRow:
    # Without an event: a client saw that Airflow had lost the job.
    ended = (end or job.snapshot.updated) if _has_ended(job) else None
    return JobRow(job, infer_state(job.snapshot), _rate(job, attempts, ended), ended)


def _has_ended(job: ListedJob) -> bool:
    return job.snapshot.record.phase in (Phase.FAILED, Phase.COMPLETE)


def _is_sending(job: ListedJob) -> bool:
    return job.snapshot.record.phase is Phase.RUNNING and job.snapshot.record.stage in SENDING


def _rate(job: ListedJob, attempts: tuple[Attempt, ...], ended: datetime | None) -> float | None:
    if _is_sending(job):
        return sending_rate(job, attempts)
    if job.snapshot.record.phase is not Phase.COMPLETE or not job.bytes:
        return None
    return job.bytes / max(_duration(job, ended).total_seconds(), 1.0)


def _duration(job: ListedJob, ended: datetime | None) -> timedelta:
    return (ended or job.snapshot.seen) - job.snapshot.created
