"""The errors of the service, as types with a stable code.

    IngestError
     ├── ConfigurationError       a setting is wrong: refused at start
     ├── JobExists                the job id was handed out before
     ├── JobFinished              the catalogue holds the job, nothing can be changed any more
     ├── FenceLost                a newer process of the job took over; this one stops and records nothing
     ├── PermanentError           trying again cannot help: the job fails at once
     │    ├── Rejection           the uploader must mend something; what was archived of the job is removed
     │    │    ├── InvalidBundle
     │    │    ├── InvalidMetadata
     │    │    ├── InvalidSource  a move document names a source that cannot be taken
     │    │    ├── PolicyRejected
     │    │    ├── SubmitterMismatch the user may not upload as the submitter that the metadata names
     │    │    ├── FilesRejected  what was read is not what the metadata declares
     │    │    ├── CatalogRejected
     │    │    │    └── CatalogHoldsIds  ids in use: new ones are taken
     │    │    └── RejectedBefore a rejection that an earlier process began and this one finished
     │    ├── UnknownJob          nobody ever received that job id
     │    ├── CatalogConflict   the catalogue holds another transaction under the job's id
     │    ├── SourceExchanged     the archive took another file than the source that was checked
     │    ├── MoveFolderNotWritable a source cannot be taken out of its folder
     │    ├── BundleRemoved       the bundle of a job that failed long ago
     │    ├── DifferencesFound    ledger, archive and catalogue do not agree on jobs that have ended
     │    ├── StageSkipped        a stage that must come first never finished
     │    └── JobOverridden       an admin has set the job's state
     └── TransientError           a service or this machine must recover: the stage is tried again
          ├── ServiceUnavailable
          │    └── RunChanged     somebody else changed a run in Airflow at the same moment: read it again
          ├── RunNotStarted       Airflow accepted a retry, but the job's run has not started
          ├── AirflowNotReady     a DAG or a pool in Airflow is not as a job needs it
          ├── DatabaseUnavailable
          ├── CatalogUnsettled  the catalogue may still be working on the job's transaction
          ├── RejectionUnfinished what was archived of a rejected job cannot be removed now
          ├── SubmittersUnavailable the file that says who may be which submitter cannot be read
          ├── MoveFolderUnavailable a folder that files are moved from is not mounted
          ├── JobBusy             an older process of the job has not let go yet
          └── StageTerminated     this process was told to stop

Raised everywhere, caught where something is done about them: by the stage's wrapper (`ingest.stages.run_stage`), by the
API's error handlers (`api.error_handlers`) and by the command line.
"""

from ingest.errors.fault_codes import FaultCode, with_code
from ingest.system.sanitize import redact_url, to_one_line

# The code of what is none of these: a mistake of the service itself.
INTERNAL_ERROR = "internal_error"
# Why a job has failed whose run housekeeping clears no more: no process was left to say why.
RUN_LOST = "run_lost"
# Why a job has failed whose run an operator marked as failed in Airflow.
RUN_MARKED_FAILED = "run_marked_failed"
# What every text of a job begins with that the uploader has to do something about, and no other.
FOR_UPLOADER = "the uploader must mend this"


class IngestError(Exception):
    """Base of all errors of the service; `code` never changes, the text is one sentence or more for people.

    `retry_seconds` is after how many seconds a client should try again, where that is known.
    """

    code: str = "ingest_error"
    retry_seconds: int | None = None

    def __str__(self) -> str:
        """What went wrong and what to mend, for people, in one line, whatever it quotes."""
        return to_one_line(super().__str__())

    @property
    def text(self) -> str:
        """The same as `str`: what went wrong and what to mend."""
        return str(self)

    @property
    def text_of_job(self) -> str:
        """The text as the job's state and events show it: where the uploader has to do something, it says so first."""
        return self.text


class ConfigurationError(IngestError):
    """A setting has a value that cannot work."""

    code = "configuration_invalid"


class JobExists(IngestError):
    """The job id was handed out before."""

    code = "job_exists"


class JobFinished(IngestError):
    """The catalogue holds the job; nothing of it can be changed any more."""

    code = "job_finished"


class FenceLost(IngestError):
    """A newer process works on the job; whatever this one still wanted to write is void."""

    code = "fence_lost"


class PermanentError(IngestError):
    """Trying again cannot help until a person has mended something."""

    code = "permanent_error"


class UnknownJob(PermanentError):
    """No job has this id."""

    code = "job_unknown"


class Rejection(PermanentError):
    """The uploader must mend something; nothing of the job stays in archive or catalogue.

    `sentence` says what; `fault` is its code where it is one thing. Many have theirs in the text
    (`ingest.errors.fault_list`).
    """

    code = "rejected"

    def __init__(self, sentence: str, fault: FaultCode | None = None) -> None:
        super().__init__(with_code(sentence, fault))
        self.sentence = sentence
        self.fault = fault

    @property
    def text_of_job(self) -> str:
        """See `IngestError.text_of_job`."""
        return f"{FOR_UPLOADER}: {self.text}"


class InvalidBundle(Rejection):
    """The bundle is no tar, is cut short, or holds members that are not taken."""

    code = "bundle_invalid"


class InvalidMetadata(Rejection):
    """metadata.txt, or a move document, is not what the bundle format asks for."""

    code = "metadata_invalid"


class InvalidSource(Rejection):
    """A source of a move is missing, lies outside the folders that are allowed, or is not a regular file."""

    code = "source_invalid"


class PolicyRejected(Rejection):
    """Policy does not accept the metadata."""

    code = "policy_rejected"


class SubmitterMismatch(Rejection):
    """The user who has uploaded may not be the submitter that the metadata names."""

    code = "submitter_mismatch"


class FilesRejected(Rejection):
    """The size or hash of a file differs from its metadata."""

    code = "files_rejected"


class CatalogRejected(Rejection):
    """The metadata service does not accept the transaction; `file_id` is the file that it names, if it names one."""

    code = "catalogue_rejected"

    def __init__(self, text: str, file_id: int | None = None) -> None:
        super().__init__(text)
        self.file_id = file_id


class CatalogHoldsIds(CatalogRejected):
    """The catalogue holds some of the transaction's ids for something else; `ids` are those."""

    def __init__(self, text: str, ids: frozenset[int]) -> None:
        super().__init__(text)
        self.ids = ids


class RejectedBefore(Rejection):
    """A rejection that an earlier process began; it keeps that one's code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def text_of_job(self) -> str:
        """See `IngestError.text_of_job`; the earlier process has said it."""
        return self.text


class CatalogConflict(PermanentError):
    """The catalogue holds a transaction with the job's id that is not the job's."""

    code = "catalogue_conflict"


class SourceExchanged(PermanentError):
    """The archive took another file than the source that was checked; whose it is, a person must find out first.

    No rejection, because that would remove from the archive what may be somebody's only copy.
    """

    code = "source_exchanged"


class MoveFolderNotWritable(PermanentError):
    """The service may not take a source out of its folder, until an admin changes the rights."""

    code = "move_folder_not_writable"


class BundleRemoved(PermanentError):
    """The job's bundle left the spool, because the job had failed long ago."""

    code = "bundle_removed"


class DifferencesFound(PermanentError):
    """Ledger, archive and catalogue differ where they must agree."""

    code = "differences_found"


class StageSkipped(PermanentError):
    """A stage is asked to run, but one before it never finished."""

    code = "stage_skipped"


class JobOverridden(PermanentError):
    """An admin has set the job's state by hand; it rests until it is retried."""

    code = "job_overridden"


class TransientError(IngestError):
    """Trying again later can help."""

    code = "transient_error"


class ServiceUnavailable(TransientError):
    """A service did not answer, or answered with a fault of its own."""

    code = "service_unavailable"

    def __init__(self, service: str, url: str, reason: str) -> None:
        self.service = service
        self.url = redact_url(url)
        super().__init__(f"{service} at {self.url} is not available: {reason}")


class RunChanged(ServiceUnavailable):
    """A request that changes a run in Airflow collided with another one; the caller reads the run again and repeats it.

    Without a code of its own: to clients, an Airflow that answers every repetition like this is unavailable.
    """


class RunNotStarted(TransientError):
    """Airflow accepted every request of a retry, but the job's run has not started."""

    code = "run_not_started"


class AirflowNotReady(TransientError):
    """Airflow answers, and cannot run the job: a DAG is paused, missing or broken, or a pool is missing."""

    code = "airflow_not_ready"


class DatabaseUnavailable(TransientError):
    """The database of jobs does not answer."""

    code = "database_unavailable"


class CatalogUnsettled(TransientError):
    """The catalogue may still take up the transaction that it was sent, so nothing that it names is removed now."""

    code = "catalogue_unsettled"


class RejectionUnfinished(TransientError):
    """The job is rejected, but a service is away that has to give up what it holds of it; never the end of the job."""

    code = "rejection_unfinished"

    def __init__(self, rejection: Rejection, cause: TransientError) -> None:
        super().__init__(f"{rejection.text_of_job} (what was archived of the job is still to be removed: {cause.text})")


class MoveFolderUnavailable(TransientError):
    """A folder that files are moved from is not there, or one that a file must be put back into."""

    code = "move_folder_unavailable"


class SubmittersUnavailable(TransientError):
    """The file that says which user may be which submitter cannot be read."""

    code = "submitters_unavailable"


class JobBusy(TransientError):
    """An older process of the same job still holds it."""

    code = "job_busy"


class StageTerminated(TransientError):
    """The process was asked to end in the middle of a stage."""

    code = "stage_terminated"


class UserLimit(TransientError):
    """One user has as much as a single user may have; other users are still served."""

    retry_seconds = 60


class UserUploadsLimit(UserLimit):
    """The user has as many uploads under way as one user may have."""

    code = "user_uploads_limit"
    retry_seconds = 10


class UserSpaceLimit(UserLimit):
    """The user's uploads and bundles take as much of the spool as those of one user may."""

    code = "user_space_limit"


class UserJobsLimit(UserLimit):
    """The user has as many unfinished jobs as one user may have."""

    code = "user_jobs_limit"
