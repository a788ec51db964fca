"""Read the job id in the address of a page."""

from pydantic import ValidationError

from api.error_handlers import refuse_parameters
from api.openapi.parameters import JobPath


def read_job_id(text: str) -> int:
    """Return the job id; raises InvalidJobId."""
    try:
        return JobPath.model_validate({"job_id": text}).job_id
    except ValidationError as error:
        refuse_parameters(error)
