"""The page of one job: who, what and how much, its stages, its progress, its error with everything that explains it.

Called by both places that serve pages, which check first whether the viewer may see the job. Everything is read from the
ledger: no page waits for Airflow or for the spool.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from ingest.errors.types import ReceivedByOriginal
from ingest.ledger import job_details, legacy_jobs
from ingest.ledger.job_details import JobDetails
from ingest.ledger.job_ends import read_ends
from ingest.ledger.job_list import ListedJob
from ingest.ledger.job_report import ExplainedError, Progress, explain_error, original_phase, report_progress
from ingest.orchestrator.inferred_run import infer_state
from ingest.orchestrator.start_jobs import reason_to_wait
from ingest.pages.job_events import EventRow, latest_events
from ingest.pages.job_files import FileRow, first_files
from ingest.pages.job_timeline import StageRow, timeline
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from ingest.states.job_record import JobState, Phase
from ingest.states.job_state import first_unfinished
from ingest.states.stages import Kind
from ingest.states.waiting import Waiting

# Above so many files, those that are archived are not counted: it would take longer than the rest of the page.
MOST_COUNTED_FILES = 50_000
# The seconds after which an open page reads the job again.
REFRESH_SECONDS, REFRESH_SECONDS_AFTER_END = 2, 15


@dataclass(frozen=True)
class JobPage:
    """What the page of a job shows.

    `reason` is why the job waits, empty if it does not; `waiting` is its wait for a service. `ended` is when it failed or
    was complete, None while it continues by itself.
    """

    job: ListedJob
    phase: Phase
    state: JobState
    reason: str
    waiting: Waiting | None
    progress: Progress
    stages: list[StageRow]
    error: ExplainedError | None
    files: list[FileRow]
    events: list[EventRow]
    ended: datetime | None

    @property
    def job_id(self) -> int:
        """The id of the job."""
        return self.job.snapshot.received.job_id

    @property
    def seen(self) -> datetime:
        """When the job was read."""
        return self.job.snapshot.seen

    @property
    def is_canceled(self) -> bool:
        """Whether the job was canceled, which is final."""
        return self.job.snapshot.record.is_canceled

    @property
    def is_removing(self) -> bool:
        """Whether files of a canceled job still have to be removed from the archive."""
        return self.is_canceled and self.job.snapshot.record.is_unfinished

    @property
    def may_change(self) -> bool:
        """Whether a person can still change how the job ends."""
        return self.phase is not Phase.COMPLETE and not self.is_canceled

    @property
    def may_replace(self) -> bool:
        """Whether an upload may become its bundle (`ingest.operations.upload_bundle`), unless the archive holds files."""
        record = self.job.snapshot.record
        return record.kind is Kind.INGEST and record.is_stopped and self.may_change

    @property
    def refresh_seconds(self) -> int:
        """After how many seconds an open page reads the job again: a failed job may be retried by somebody else."""
        if self.phase is Phase.COMPLETE or (self.is_canceled and not self.is_removing):
            return 0
        return REFRESH_SECONDS_AFTER_END if self.phase is Phase.FAILED and not self.is_removing else REFRESH_SECONDS


def show_job(settings: Settings, engine: Engine, site: Site, job_id: int, *, is_operator: bool) -> str:
    """Return the page of a job; `is_operator` shows all texts of events. Raises UnknownJob, DatabaseUnavailable."""
    try:
        page = read_job_page(settings, engine, job_id, is_operator=is_operator)
    except ReceivedByOriginal:
        job = legacy_jobs.read(engine, job_id)
        times = {name: getattr(job, name).replace(tzinfo=UTC) for name in ("created", "updated")}
        return render("job_original.html", site=site, job=job, phase=original_phase(job), **times)
    return render("job.html", site=site, page=page, received=page.job.snapshot.received)


def read_job_page(settings: Settings, engine: Engine, job_id: int, *, is_operator: bool) -> JobPage:
    """Read the page of a job; raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable."""
    details = job_details.read(engine, job_id, MOST_COUNTED_FILES)
    snapshot = details.job.snapshot
    phase, state = snapshot.record.phase, infer_state(snapshot)
    ended = read_ends(engine, [job_id]).get(job_id) if phase in (Phase.FAILED, Phase.COMPLETE) else None
    return JobPage(
        job=details.job,
        phase=phase,
        state=state,
        reason=_reason(settings, engine, details, state) if phase is Phase.WAITING else "",
        waiting=snapshot.record.waiting if snapshot.record.is_waiting else None,
        progress=report_progress(details, phase),
        stages=timeline(details, phase, ended),
        error=explain_error(details, state),
        files=first_files(engine, details),
        events=latest_events(engine, job_id, is_operator=is_operator),
        ended=ended,
    )


def _reason(settings: Settings, engine: Engine, details: JobDetails, state: JobState) -> str:
    snapshot = details.job.snapshot
    if state.exception:
        return state.exception
    if snapshot.triggered is None and (reason := reason_to_wait(settings, engine, snapshot.received)):
        return reason
    return f"Airflow has not started the stage {first_unfinished(snapshot.record).label} yet"
