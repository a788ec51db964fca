"""The base class of all errors of the service, and the codes of failures that have no class."""

from collections.abc import Mapping
from typing import Any

from ingest.system.sanitize import to_one_line

# Any error that is not an IngestError: a defect of the service itself.
INTERNAL_ERROR = "internal_error"
# The job's run was lost and housekeeping no longer restarts it: no process was left to record a cause.
RUN_LOST = "run_lost"
# An operator marked the job's run as failed in Airflow.
RUN_MARKED_FAILED = "run_marked_failed"


class IngestError(Exception):
    """Base of all errors of the service; `code` never changes, the text is one sentence or more for people.

    `retry_seconds` is the number of seconds after which a client should try again, where it is known.
    """

    code: str = "ingest_error"
    retry_seconds: int | None = None

    def __str__(self) -> str:
        """Return the failure and its remedy in one line."""
        return to_one_line(super().__str__())

    @property
    def text(self) -> str:
        """The same as `str`: the failure and its remedy in one line."""
        return str(self)

    @property
    def text_of_job(self) -> str:
        """The text as the job's state and events show it; a rejection is marked for the uploader."""
        return self.text

    @property
    def details_of_job(self) -> Mapping[str, Any]:
        """More about the error, as JSON that the ledger stores beside code and text."""
        return {}


class ConfigurationError(IngestError):
    """A setting has an invalid value."""

    code = "configuration_invalid"


class JobExists(IngestError):
    """The job id is in use already."""

    code = "job_exists"


class JobFinished(IngestError):
    """The catalog holds the job; it can no longer be changed."""

    code = "job_finished"


class JobBeingCataloged(IngestError):
    """The job was sent to the catalog; it can no longer be canceled."""

    code = "job_being_cataloged"


class BundleNotReplaceable(IngestError):
    """An upload cannot become the bundle of this job, because of its state or its archived files."""

    code = "bundle_not_replaceable"


class FenceLost(IngestError):
    """A newer process has acquired the job; the writes of this one are refused."""

    code = "fence_lost"
    # For Airflow: its next try has nothing to wait for, and may have to remove the files of a canceled job.
    next_attempt_seconds = 1.0
