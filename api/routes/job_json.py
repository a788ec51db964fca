"""The JSON of jobs, as `api.openapi.job_schemas` describes it. Used by `api.routes.jobs`."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from api.routes.state import SeenJob
from api.routes.state_json import original_document, state_document, to_text
from ingest.ledger.job_details import JobDetails
from ingest.ledger.job_list import ListedJob
from ingest.ledger.job_report import error_message, explain_error, original_phase, report_progress
from ingest.ledger.models import OriginalJob
from ingest.orchestrator.inferred_run import infer_state
from ingest.states.job_record import Phase
from ingest.states.job_state import phase_of
from ingest.states.stage_history import StageReport, StageState, report_stages

Document = dict[str, Any]
STATE_KEYS = ("job_id", "state", "task", "task_percent", "created", "updated")
UNKNOWN_OF_ORIGINAL = (
    "kind", "user", "size", "project", "instrument", "files", "bytes", "files_done", "bytes_done", "rate", "estimated_end",
    "waiting_for", "next_attempt_at", "retry_until", "error",
)  # fmt: skip
# The most characters of an error's message in a list.
LONGEST_MESSAGE = 300


def list_entry(job: ListedJob) -> Document:
    """Return a job as a list shows it: by the ledger alone."""
    snapshot = job.snapshot
    record = snapshot.record
    state = infer_state(snapshot)
    error = None
    if job.error_code is not None:
        message = error_message(record, state)
        shortened = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."
        error = {"code": job.error_code, "message": shortened}
    document = state_document(snapshot, state)
    shown = {key: document[key] for key in STATE_KEYS}
    return {**shown, "phase": record.phase, **_declared(job), "error": error}


def detail(seen: SeenJob, details: JobDetails) -> Document:
    """Return everything about a job."""
    snapshot, state = seen.snapshot, seen.state
    job_id = snapshot.received.job_id
    phase = phase_of(snapshot.record, seen.run, state)
    record = details.job.snapshot.record
    waiting_for = next_attempt_at = retry_until = None
    if phase is Phase.WAITING:
        waiting_for = state.exception or None
        if record.waiting and record.is_waiting:
            next_attempt_at = _time(record.waiting.next_attempt_at)
            retry_until = _time(record.waiting.retry_until)
    reports = report_stages(record, details.attempts)
    error = explain_error(details, state)
    return {
        **state_document(snapshot, state),
        "phase": phase,
        **_declared(details.job),
        **_progress(details, phase),
        "waiting_for": waiting_for,
        "next_attempt_at": next_attempt_at,
        "retry_until": retry_until,
        "stages": [_stage(report, waiting_for, next_attempt_at) for report in reports],
        "error": asdict(error) if error else None,
        "transaction": job_id if phase is Phase.COMPLETE else None,
        "links": links(job_id),
        "original": False,
    }


def original_detail(job: OriginalJob) -> Document:
    """Return what is known about a job that pacifica-ingest 0.4.1 received; all else is null."""
    phase = original_phase(job)
    return {
        **original_document(job),
        "phase": phase,
        **dict.fromkeys(UNKNOWN_OF_ORIGINAL),
        "stages": [],
        "transaction": job.id if phase is Phase.COMPLETE else None,
        "links": links(job.id),
        "original": True,
    }


def links(job_id: int) -> Document:
    """Return the addresses of a job and of its parts."""
    return {"self": f"/jobs/{job_id}", "files": f"/jobs/{job_id}/files", "events": f"/jobs/{job_id}/events"}


def _declared(job: ListedJob) -> Document:
    received = job.snapshot.received
    names = ("project", "instrument", "files", "bytes")
    return {
        "kind": received.kind,
        "user": received.user,
        "size": received.size,
        **{name: getattr(job, name) for name in names},
    }


def _progress(details: JobDetails, phase: Phase) -> Document:
    progress = report_progress(details, phase)
    return {**asdict(progress), "estimated_end": _time(progress.estimated_end)}


def _stage(report: StageReport, waiting_for: str | None, next_attempt_at: str | None) -> Document:
    is_waiting = report.state is StageState.WAITING
    return {
        "stage": report.stage,
        "task": report.stage.label,
        "state": report.state,
        "attempt": report.attempt,
        "started": _time(report.started),
        "ended": _time(report.ended),
        "waiting_for": waiting_for if is_waiting else None,
        "next_attempt_at": next_attempt_at if is_waiting else None,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
