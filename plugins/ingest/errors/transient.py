"""Temporary errors: a service or this machine must recover, and the stage is tried again."""

from ingest.errors.base import IngestError
from ingest.errors.rejections import Rejection
from ingest.system.sanitize import redact_url


class TransientError(IngestError):
    """Trying again later can help."""

    code = "transient_error"


class ServiceUnavailable(TransientError):
    """A service did not answer, or answered with an error of its own."""

    code = "service_unavailable"

    def __init__(self, service: str, url: str, reason: str) -> None:
        self.service = service
        self.url = redact_url(url)
        super().__init__(f"{service} at {self.url} is not available: {reason}")


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


class SpoolUnavailable(TransientError):
    """The spool folder is not writable."""

    code = "spool_unavailable"


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


class RejectionUnfinished(TransientError):
    """The job is rejected, but a service that must delete the job's files is unavailable; never the end of the job."""

    code = "rejection_unfinished"

    def __init__(self, rejection: Rejection, cause: TransientError) -> None:
        super().__init__(f"{rejection.text_of_job} (the job's archived files are still to be deleted: {cause.text})")


class MoveFolderUnavailable(TransientError):
    """A folder that files are moved from, or restored to, does not exist; it is probably not mounted."""

    code = "move_folder_unavailable"


class SubmittersUnavailable(TransientError):
    """The file that maps users to submitters cannot be read."""

    code = "submitters_unavailable"


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
