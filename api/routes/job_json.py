"""The JSON of jobs, as `api.openapi.job_schemas` describes it. Used by `api.routes.jobs`."""

from datetime import datetime, timedelta
from typing import Any

from api.routes.state import SeenJob
from api.routes.state_json import original_document, state_document, to_text
from ingest.errors.advice import advice_on
from ingest.errors.types import JobOverridden
from ingest.ledger.job_details import SENDING, JobDetails
from ingest.ledger.job_list import ListedJob
from ingest.ledger.models import OriginalJob
from ingest.orchestrator.inferred_run import infer_run
from ingest.states.airflow import Run
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, Phase
from ingest.states.job_state import DONE, ledger_state, phase_of
from ingest.states.stage_history import StageReport, StageState, report_stages, time_worked

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
    state = ledger_state(record, infer_run(record) if snapshot.triggered else Run(None))
    error = None
    if job.error_code is not None:
        message = _message(record, state)
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
    return {
        **state_document(snapshot, state),
        "phase": phase,
        **_declared(details.job),
        **_progress(details, phase),
        "waiting_for": waiting_for,
        "next_attempt_at": next_attempt_at,
        "retry_until": retry_until,
        "stages": [_stage(report, waiting_for, next_attempt_at) for report in reports],
        "error": _error(details, state),
        "transaction": job_id if phase is Phase.COMPLETE else None,
        "links": links(job_id),
        "original": False,
    }


def original_detail(job: OriginalJob) -> Document:
    """Return what is known about a job that pacifica-ingest 0.4.1 received; all else is null."""
    phase = Phase.WAITING
    if job.state == JobStatus.FAILED:
        phase = Phase.FAILED
    elif job.complete:
        phase = Phase.COMPLETE
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
    """Return how much is archived, the rate of the stage that sends, in bytes a second, and when it will end."""
    record, total = details.job.snapshot.record, details.job.bytes or 0
    done = _bytes_done(record, total)
    rate = estimated_end = None
    if phase is Phase.RUNNING and record.stage in SENDING and done:
        now = details.job.snapshot.seen
        worked = time_worked(details.attempts, record.stage, now).total_seconds()
        if (rate := int(done / worked) if worked > 0 else 0) > 0:
            estimated_end = now + timedelta(seconds=min((total - done) / rate, timedelta(days=3650).total_seconds()))
    return {
        "files_done": details.files_done,
        "bytes_done": done,
        "rate": rate or None,
        "estimated_end": _time(estimated_end),
    }


def _bytes_done(record: JobRecord, total: int) -> int:
    if record.is_cataloged or record.finished in SENDING:
        return total
    if record.stage not in SENDING or record.outcome in (Outcome.REJECTING, Outcome.REJECTED):
        return 0
    return int(total * record.percent / DONE)


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


def _error(details: JobDetails, state: JobState) -> Document | None:
    """Return the last error of a job, explained; None if there is none."""
    code = details.job.error_code
    if code is None:
        return None
    stored = details.error if details.error is not None and code != JobOverridden.code else {}
    faults = [{**fault, "what_to_do": advice_on(fault["code"]).what_to_do} for fault in stored.get("faults", [])]
    advice = advice_on(code)
    return {
        "code": code,
        "message": _message(details.job.snapshot.record, state),
        "explanation": advice.explanation,
        "who_acts": list(advice.who_acts),
        "what_to_do": advice.what_to_do,
        "faults": faults,
        "more_faults": stored.get("more_faults", 0),
    }


def _message(record: JobRecord, state: JobState) -> str:
    """Return the text of an error without its code."""
    if record.is_canceled:
        # The ledger's error may be that of the removal of the job's files.
        return record.cancellation.partition(": ")[2]
    if record.override is not None or record.error is None:
        return state.exception
    return record.error.text.partition(": ")[2]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
