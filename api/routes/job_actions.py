"""Change a job on behalf of a person: `POST /jobs/N/cancel` and `POST /jobs/N/retry`."""

from flask import Response

from api.access.auth import caller
from api.access.roles import ADMINS, UPLOADERS
from api.openapi.parameters import JobPath
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state import answer_state, read_visible
from api.routes.state_json import answer
from ingest.ledger.job_snapshots import JobSnapshot
from ingest.operations.job_actions import AN_ADMIN, cancel_job, retry_job
from ingest.states.job_state import job_state

routes = Routes("job_actions", __name__)


@routes.call("POST", "/jobs/<job_id>/cancel", operations.CANCEL_JOB, UPLOADERS)
def cancel(path: JobPath) -> Response:
    """Cancel a job of the caller, or as an admin any job, and answer its state."""
    job = cancel_visible(path.job_id)
    return answer(path.job_id, job_state(job.record, None), job.created, job.updated)


@routes.call("POST", "/jobs/<job_id>/retry", operations.RETRY_JOB, ADMINS)
def retry(path: JobPath) -> Response:
    """Retry a job, and answer its state."""
    resources = get_resources()
    retry_job(resources.engine, resources.airflow, path.job_id)
    return answer_state(path.job_id)


def cancel_visible(job_id: int) -> JobSnapshot:
    """Cancel a job that the caller may see, and return it; raises as `ingest.operations.job_actions.cancel_job`."""
    resources, user = get_resources(), caller().user
    shown_as = user if read_visible(job_id).received.user == user else AN_ADMIN
    return cancel_job(resources.settings, resources.engine, resources.airflow, job_id, shown_as, user)
