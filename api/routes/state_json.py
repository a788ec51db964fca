"""The state of a job as JSON. Used by `api.routes.state` and `api.routes.bundles`."""

from datetime import UTC, datetime

from flask import Response, jsonify

from ingest.ledger.models import OriginalJob
from ingest.states.job_record import JobState

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def answer(job_id: int, state: JobState, created: datetime, updated: datetime) -> Response:
    """Return the documented JSON of a job's state."""
    return jsonify(
        job_id=job_id,
        state=state.state,
        task=state.task,
        task_percent=state.percent_text,
        updated=_to_text(updated),
        created=_to_text(created),
        exception=state.exception,
        complete=state.complete,
    )


def answer_as_original(job: OriginalJob) -> Response:
    """Return the state of a job that the original service received, each value as the original formatted it."""
    return jsonify(
        job_id=job.id,
        state=job.state,
        task=job.task,
        task_percent=str(job.task_percent),
        updated=str(job.updated),
        created=str(job.created),
        exception=job.exception,
        complete=job.complete,
    )


def _to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME_FORMAT)
