"""The state of a job as JSON. Used by `api.routes.state`, `job_json`, `bundles` and `upload_answers`."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify

from ingest.ledger.job_snapshots import JobSnapshot
from ingest.ledger.models import OriginalJob
from ingest.states.job_record import JobState
from ingest.states.job_state import received


def answer(job_id: int, state: JobState, created: datetime, updated: datetime) -> Response:
    """Return the documented JSON of a job's state."""
    return jsonify(_document(job_id, state, created, updated))


def answer_received(job_id: int, created: datetime, updated: datetime) -> Response:
    """Return the state of a job that was just received, with the job's address."""
    response = answer(job_id, received(), created, updated)
    response.headers["Location"] = f"/jobs/{job_id}"
    return response


def answer_as_original(job: OriginalJob) -> Response:
    """Return the state of a job that the original service received, each value as the original formatted it."""
    return jsonify(original_document(job))


def state_document(snapshot: JobSnapshot, state: JobState) -> dict[str, Any]:
    """Return the keys of the documented JSON."""
    return _document(snapshot.received.job_id, state, snapshot.created, snapshot.updated)


def original_document(job: OriginalJob) -> dict[str, Any]:
    """Return the keys of the documented JSON for a job that the original service received."""
    return {
        "job_id": job.id,
        "state": job.state,
        "task": job.task,
        "task_percent": str(job.task_percent),
        "updated": str(job.updated),
        "created": str(job.created),
        "exception": job.exception,
        "complete": job.complete,
    }


def to_text(moment: datetime) -> str:
    """Return a time as answers show it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def _document(job_id: int, state: JobState, created: datetime, updated: datetime) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "state": state.state,
        "task": state.task,
        "task_percent": state.percent_text,
        "updated": to_text(updated),
        "created": to_text(created),
        "exception": state.exception,
        "complete": state.complete,
    }
