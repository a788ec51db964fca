"""Temporary errors: a service or this machine must recover, and the stage is tried again."""

from ingest.errors.base import IngestError
from ingest.errors.rejections import Rejection
from ingest.system.sanitize import redact_url, to_one_line


class TransientError(IngestError):
    """Trying again later can help.

    - `service` and `url`: what must recover; `url` is its address if it is a service.
    - `next_attempt_seconds`: the delay that the ledger holds for a stage that failed, so that Airflow waits as long.
    - `has_given_up`: whether the ledger holds that no attempt follows, because the job has waited for too long.
    """

    code = "transient_error"
    service = "service"
    url = ""
    next_attempt_seconds: float | None = None
    has_given_up = False

    @property
    def reason(self) -> str:
        """The error without what `service` and `url` say."""
        return self.text_of_job


class ServiceUnavailable(TransientError):
    """A service did not answer, or answered with an error of its own.

    `refuses_document` when it is the answer to the job's document, which may be the cause.
    """

    code = "service_unavailable"

    def __init__(self, service: str, url: str, reason: str, *, refuses_document: bool = False) -> None:
        self.refuses_document = refuses_document
        self.service = service
        self.url = redact_url(url)
        self._reason = reason
        super().__init__(f"{service} at {self.url} is not available: {reason}")

    @property
    def reason(self) -> str:
        """See `TransientError.reason`."""
        return to_one_line(self._reason)


class RunChanged(ServiceUnavailable):
    """A request that changes a run in Airflow collided with another one; the caller reads the run again and repeats it.

    Has no code of its own: if every repetition collides, clients see Airflow as unavailable.
    """


class RunNotStarted(TransientError):
    """Airflow accepted every request of a retry, but the job's run has not started."""

    code = "run_not_started"


class AirflowNotReady(TransientError):
    """Airflow answers but cannot run the job: a DAG is paused, missing or broken, or a pool is missing."""

    code = "airflow_not_ready"


class DatabaseUnavailable(TransientError):
    """The database of jobs does not answer."""

    code = "database_unavailable"
    service = "database"


class SpoolUnavailable(TransientError):
    """The spool folder is not writable."""

    code = "spool_unavailable"
    service = "spool"


class SpoolFull(SpoolUnavailable):
    """The spool has no free space for the upload."""

    code = "spool_full"
    retry_seconds = 60


class UploadAbandoned(TransientError):
    """Retention deleted the file before its job was committed, because no data had arrived for a long time."""

    code = "upload_abandoned"


class IdempotencyKeyInUse(TransientError):
    """Another request with the same `Idempotency-Key` of the user is in progress."""

    code = "idempotency_key_in_use"
    retry_seconds = 10


class CatalogUnsettled(TransientError):
    """The catalog may still process the job's transaction, so the files that it names are not deleted yet."""

    code = "catalogue_unsettled"
    service = "catalog"


class RejectionUnfinished(TransientError):
    """The job is rejected, but a service that must delete the job's files is unavailable; never the end of the job."""

    code = "rejection_unfinished"

    def __init__(self, rejection: Rejection, cause: TransientError) -> None:
        self.service = cause.service
        super().__init__(f"{rejection.text_of_job} (the job's archived files are still to be deleted: {cause.text})")


class MoveFolderUnavailable(TransientError):
    """A folder that files are moved from, or restored to, does not exist; it is probably not mounted."""

    code = "move_folder_unavailable"
    service = "move folder"


class SubmittersUnavailable(TransientError):
    """The file that maps users to submitters cannot be read."""

    code = "submitters_unavailable"
    service = "submitter file"


class JobBusy(TransientError):
    """An older process of the same job still holds it."""

    code = "job_busy"


class StageTerminated(TransientError):
    """The process was terminated during a stage."""

    code = "stage_terminated"


class UserLimit(TransientError):
    """The user has reached a limit for a single user; other users are still served."""

    retry_seconds = 60


class UserUploadsLimit(UserLimit):
    """The user has the maximum number of simultaneous uploads."""

    code = "user_uploads_limit"
    retry_seconds = 10


class UserSpaceLimit(UserLimit):
    """The user's uploads and bundles fill the user's share of the spool."""

    code = "user_space_limit"


class UserJobsLimit(UserLimit):
    """The user has the maximum number of unfinished jobs."""

    code = "user_jobs_limit"
