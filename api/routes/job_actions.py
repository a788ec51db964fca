"""Change a job on behalf of a person: `POST /jobs/N/cancel` and `POST /jobs/N/retry`."""

from flask import Response

from api.access.auth import caller
from api.access.roles import ADMINS, UPLOADERS
from api.openapi.parameters import JobPath
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state import answer_state, refuse_unless_seen
from api.routes.state_json import answer
from ingest.errors.types import ReceivedByOriginal
from ingest.ledger import jobs
from ingest.operations.job_actions import AN_ADMIN, cancel_job, retry_job
from ingest.states.job_state import job_state

routes = Routes("job_actions", __name__)


@routes.call("POST", "/jobs/<job_id>/cancel", operations.CANCEL_JOB, UPLOADERS)
def cancel(path: JobPath) -> Response:
    """Cancel a job of the caller, or as an admin any job, and answer its state."""
    resources, user = get_resources(), caller().user
    shown_as = user if _visible_owner(path.job_id) == user else AN_ADMIN
    job = cancel_job(resources.settings, resources.engine, resources.airflow, path.job_id, shown_as, user)
    return answer(path.job_id, job_state(job.record, None), job.created, job.updated)


@routes.call("POST", "/jobs/<job_id>/retry", operations.RETRY_JOB, ADMINS)
def retry(path: JobPath) -> Response:
    """Retry a job, and answer its state."""
    resources = get_resources()
    retry_job(resources.engine, resources.airflow, path.job_id)
    return answer_state(path.job_id)


def _visible_owner(job_id: int) -> str:
    """Return the user of a job; raises UnknownJob, also when the caller may not see the job."""
    try:
        owner = jobs.read(get_resources().engine, job_id).received.user
    except ReceivedByOriginal:
        refuse_unless_seen(job_id, owner=None)
        raise
    refuse_unless_seen(job_id, owner)
    return owner
