"""Errors that another try cannot resolve: the job fails immediately. Those of the uploader are in `rejections`."""

from ingest.errors.base import IngestError


class PermanentError(IngestError):
    """Trying again does not help until a person has fixed the cause."""

    code = "permanent_error"


class UnknownJob(PermanentError):
    """No job has this id."""

    code = "job_unknown"


class ReceivedByOriginal(UnknownJob):
    """The original service received the job; only its last state is known here."""

    code = "job_of_original"

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"job {job_id} was received by the original service; to run it again, send its file: retry "
            f"--path <volume_path>/{job_id}.tar --username NAME --job_id {job_id} (a move: {job_id}.json and --move)"
        )


class CatalogConflict(PermanentError):
    """The catalog holds a different transaction under the job's id."""

    code = "catalogue_conflict"


class SourceExchanged(PermanentError):
    """The archive took a different file than the source that was checked; a person must find its owner.

    Not a rejection, because a rejection would delete the file from the archive, and it may be the only copy.
    """

    code = "source_exchanged"


class MoveFolderNotWritable(PermanentError):
    """The service may not remove a source from its folder until an admin changes the folder's permissions."""

    code = "move_folder_not_writable"


class BundleRemoved(PermanentError):
    """The job failed long ago and retention has deleted its bundle from the spool."""

    code = "bundle_removed"


class DifferencesFound(PermanentError):
    """Ledger, archive and catalog differ although they must agree."""

    code = "differences_found"


class ReceiptInvalid(PermanentError):
    """A receipt is not valid, or cannot be verified with these keys and this list of files."""

    code = "receipt_invalid"


class StageSkipped(PermanentError):
    """A stage was started before an earlier one had finished."""

    code = "stage_skipped"


class JobOverridden(PermanentError):
    """An admin has set the job's state; it stays idle until it is retried."""

    code = "job_overridden"


class JobCanceled(PermanentError):
    """The job was canceled, which is final: it is never retried."""

    code = "canceled"
