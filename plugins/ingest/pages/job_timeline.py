"""The stages of a job with their attempts and durations. Called by `ingest.pages.job_page`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.ledger.job_details import JobDetails
from ingest.states.job_record import Phase
from ingest.states.stage_history import StageReport, StageState, report_stages, time_worked


@dataclass(frozen=True)
class StageRow:
    """A stage: its last attempt, how many attempts there were, and how long all of them took.

    `percent` is its progress, and `share` its part of the time that all stages took, both from 0 to 100.
    """

    report: StageReport
    attempts: int
    worked: timedelta
    percent: float
    share: float


def timeline(details: JobDetails, phase: Phase, ended: datetime | None) -> list[StageRow]:
    """Return the stages of a job in order; `ended` is when it failed or was complete, None while it continues."""
    snapshot = details.job.snapshot
    # An attempt whose end is unknown was killed, unless it still runs.
    end = snapshot.seen if phase is Phase.RUNNING else ended or snapshot.updated
    attempts = Counter(attempt.stage for attempt in details.attempts)
    reports = report_stages(snapshot.record, details.attempts)
    worked = [max(time_worked(details.attempts, report.stage, end), timedelta()) for report in reports]
    total = sum(worked, timedelta()) or timedelta(1)
    return [
        StageRow(report, attempts[report.stage], time, _percent(details, report), 100 * (time / total))
        for report, time in zip(reports, worked, strict=True)
    ]


def _percent(details: JobDetails, report: StageReport) -> float:
    record = details.job.snapshot.record
    if report.state is StageState.COMPLETE:
        return 100.0
    return record.percent if record.stage is report.stage else 0.0
