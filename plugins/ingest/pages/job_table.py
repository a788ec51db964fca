"""The rows of the list of jobs. Called by the pages that show lists."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from ingest.ledger.job_list import ListedJob, read_page
from ingest.orchestrator.inferred_run import infer_run
from ingest.pages.filters import ListQuery
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.states.airflow import Run
from ingest.states.job_record import JobState, Phase
from ingest.states.job_state import ledger_state
from ingest.states.stages import Kind

PAGE_SIZE = 50
# How often the page fetches the list again, in seconds.
REFRESH_SECONDS = 2


@dataclass(frozen=True)
class JobRow:
    """A job in the list; its state is the one of `GET /jobs`, by the ledger alone."""

    job: ListedJob
    state: JobState

    @property
    def job_id(self) -> int:
        """The id of the job."""
        return self.job.snapshot.received.job_id

    @property
    def phase(self) -> Phase:
        """Waiting, running, failed or complete."""
        return self.job.snapshot.record.phase

    @property
    def duration(self) -> timedelta:
        """The time since the job was received, until it ended."""
        snapshot = self.job.snapshot
        has_ended = self.phase in (Phase.FAILED, Phase.COMPLETE)
        return (snapshot.updated if has_ended else snapshot.seen) - snapshot.created


@dataclass(frozen=True)
class JobTable:
    """A page of the list; `following` is the query string of the next page, empty after the last one."""

    rows: tuple[JobRow, ...]
    following: str


def read_table(engine: Engine, query: ListQuery) -> JobTable:
    """Read a page; raises DatabaseUnavailable."""
    if query.faults:
        return JobTable((), "")
    found = read_page(engine, query.filter, query.after, PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    following = query.page_after(page[-1].place) if len(found) > PAGE_SIZE else ""
    return JobTable(tuple(map(to_row, page)), following)


def to_row(job: ListedJob) -> JobRow:
    """Return a job as the list shows it."""
    record = job.snapshot.record
    return JobRow(job, ledger_state(record, infer_run(record) if job.snapshot.triggered else Run(None)))


def render_jobs(site: Site, engine: Engine, query: ListQuery, kinds: Collection[Kind]) -> str:
    """Return the page of the list for a reader who sees jobs of these kinds; raises DatabaseUnavailable."""
    if len(kinds) == 1:
        query = query.of_kind(*kinds)
    return render(
        "jobs.html",
        site=site,
        query=query,
        table=read_table(engine, query),
        refresh=REFRESH_SECONDS,
        phases=list(Phase),
        kinds=kinds,
    )
