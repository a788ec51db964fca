"""Read the job id in the address of a page, and check that the caller may see the job."""

from contextlib import suppress

from pydantic import ValidationError

from api.error_handlers import refuse_parameters
from api.openapi.parameters import JobPath
from api.routes.state import read_visible
from ingest.errors.types import ReceivedByOriginal


def read_job_id(text: str) -> int:
    """Return the job id; raises InvalidJobId."""
    try:
        return JobPath.model_validate({"job_id": text}).job_id
    except ValidationError as error:
        refuse_parameters(error)


def read_visible_id(text: str) -> int:
    """Return the id of a job that the caller may see; raises InvalidJobId, UnknownJob, DatabaseUnavailable."""
    job_id = read_job_id(text)
    # The caller may see this one; its page shows what is known.
    with suppress(ReceivedByOriginal):
        read_visible(job_id)
    return job_id
