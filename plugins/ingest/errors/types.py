"""The errors of the service, as types with a stable code. This module draws the tree and re-exports every class.

    IngestError
     ├── ConfigurationError               a setting has an invalid value: refused at start
     ├── JobExists                        the job id is in use already
     ├── JobFinished                      the catalog holds the job, it can no longer be changed
     ├── JobBeingCataloged                the job was sent to the catalog, it can no longer be canceled
     ├── BundleNotReplaceable             an upload cannot become the bundle of the job
     ├── FenceLost                        a newer process acquired the job; this one stops and records nothing
     ├── PermanentError                   trying again cannot help: the job fails immediately
     │    ├── Rejection                   the uploader must fix this; the job's archived files are deleted
     │    │    ├── InvalidBundle
     │    │    ├── InvalidMetadata
     │    │    ├── InvalidSource          a move document names a source that cannot be moved
     │    │    ├── IncompleteBody         the body is empty or shorter than announced
     │    │    ├── PolicyRejected
     │    │    ├── SubmitterMismatch      the user may not upload as the submitter that the metadata names
     │    │    ├── FilesRejected          a file differs from what the metadata declares
     │    │    ├── CatalogRejected
     │    │    │    └── CatalogHoldsIds   file ids are in use: new ones are allocated
     │    │    ├── DocumentRefused        a service refuses the document of this job alone with an error of its own
     │    │    └── RejectedBefore         an earlier process began the rejection and this one finished it
     │    ├── UnknownJob                  no job has this id
     │    │    └── ReceivedByOriginal     the original service received the job
     │    ├── CatalogConflict             the catalog holds another transaction under the job's id
     │    ├── SourceExchanged             the archive took another file than the source that was checked
     │    ├── MoveFolderNotWritable       a source cannot be removed from its folder
     │    ├── BundleRemoved               retention deleted the bundle of a failed job
     │    ├── DifferencesFound            ledger, archive and catalog differ on completed jobs
     │    ├── ReceiptInvalid              a receipt cannot be verified
     │    ├── StageSkipped                an earlier stage has not finished
     │    ├── JobOverridden               an admin has set the job's state
     │    └── JobCanceled                 the job was canceled: it is never retried
     └── TransientError                   a service or this machine must recover: the stage is tried again
          ├── ServiceUnavailable
          │    └── RunChanged             another request changed the run in Airflow: read it again
          ├── RunNotStarted               Airflow accepted a retry, but the job's run has not started
          ├── AirflowNotReady             a DAG or a pool in Airflow is paused, missing or broken
          ├── DatabaseUnavailable
          ├── SpoolUnavailable            the spool folder is not writable
          │    └── SpoolFull
          ├── UploadAbandoned             retention deleted the file before its job was committed
          ├── IdempotencyKeyInUse         another request with the key is in progress
          ├── CatalogUnsettled            the catalog may still process the job's transaction
          ├── RejectionUnfinished         a rejected job's archived files cannot be deleted now
          ├── MoveFolderUnavailable       a folder that files are moved from is not mounted
          ├── SubmittersUnavailable       the file that maps users to submitters cannot be read
          ├── JobBusy                     an older process has not released the job yet
          ├── StageTerminated             the process was terminated
          └── UserLimit                   one user has reached a limit; others are still served
               ├── UserUploadsLimit
               ├── UserSpaceLimit
               └── UserJobsLimit

`ingest.stages.run_stage`, `api.error_handlers` and the command line turn them into a job's state, an answer and a message.
The errors of requests are in `api.request_errors`.
"""

from ingest.errors.base import (
    INTERNAL_ERROR,
    RUN_LOST,
    RUN_MARKED_FAILED,
    BundleNotReplaceable,
    ConfigurationError,
    FenceLost,
    IngestError,
    JobBeingCataloged,
    JobExists,
    JobFinished,
)
from ingest.errors.permanent import (
    BundleRemoved,
    CatalogConflict,
    DifferencesFound,
    JobCanceled,
    JobOverridden,
    MoveFolderNotWritable,
    PermanentError,
    ReceiptInvalid,
    ReceivedByOriginal,
    SourceExchanged,
    StageSkipped,
    UnknownJob,
)
from ingest.errors.rejections import (
    FOR_UPLOADER,
    CatalogHoldsIds,
    CatalogRejected,
    DocumentRefused,
    FilesRejected,
    IncompleteBody,
    InvalidBundle,
    InvalidMetadata,
    InvalidSource,
    PolicyRejected,
    RejectedBefore,
    Rejection,
    SubmitterMismatch,
)
from ingest.errors.transient import (
    AirflowNotReady,
    CatalogUnsettled,
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    JobBusy,
    MoveFolderUnavailable,
    RejectionUnfinished,
    RunChanged,
    RunNotStarted,
    ServiceUnavailable,
    SpoolFull,
    SpoolUnavailable,
    StageTerminated,
    SubmittersUnavailable,
    TransientError,
    UploadAbandoned,
    UserJobsLimit,
    UserLimit,
    UserSpaceLimit,
    UserUploadsLimit,
)

__all__ = [
    "FOR_UPLOADER",
    "INTERNAL_ERROR",
    "RUN_LOST",
    "RUN_MARKED_FAILED",
    "AirflowNotReady",
    "BundleNotReplaceable",
    "BundleRemoved",
    "CatalogConflict",
    "CatalogHoldsIds",
    "CatalogRejected",
    "CatalogUnsettled",
    "ConfigurationError",
    "DatabaseUnavailable",
    "DifferencesFound",
    "DocumentRefused",
    "FenceLost",
    "FilesRejected",
    "IdempotencyKeyInUse",
    "IncompleteBody",
    "IngestError",
    "InvalidBundle",
    "InvalidMetadata",
    "InvalidSource",
    "JobBeingCataloged",
    "JobBusy",
    "JobCanceled",
    "JobExists",
    "JobFinished",
    "JobOverridden",
    "MoveFolderNotWritable",
    "MoveFolderUnavailable",
    "PermanentError",
    "PolicyRejected",
    "ReceiptInvalid",
    "ReceivedByOriginal",
    "RejectedBefore",
    "Rejection",
    "RejectionUnfinished",
    "RunChanged",
    "RunNotStarted",
    "ServiceUnavailable",
    "SourceExchanged",
    "SpoolFull",
    "SpoolUnavailable",
    "StageSkipped",
    "StageTerminated",
    "SubmitterMismatch",
    "SubmittersUnavailable",
    "TransientError",
    "UnknownJob",
    "UploadAbandoned",
    "UserJobsLimit",
    "UserLimit",
    "UserSpaceLimit",
    "UserUploadsLimit",
]
