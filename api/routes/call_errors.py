"""The errors that each call raises, for the OpenAPI document. Read by `api.routes.operations`.

A test fails until each type of `RequestError` is here, in the errors of access (`api.routes.registration`) or in the
description of the whole API (`api.openapi.document`).
"""

from api.receiving.create_job import OutcomeUnknown
from api.receiving.resumable.errors import (
    ChecksumMismatch,
    TusVersionUnsupported,
    UploadHasJob,
    UploadHeaderInvalid,
    UploadLengthInconsistent,
    UploadLocked,
    UploadOffsetMismatch,
    UploadStalled,
    UploadSuperseded,
    UploadUnknown,
)
from api.receiving.upload_errors import (
    BundleTooLarge,
    DigestInvalid,
    DigestMismatch,
    DocumentTooLarge,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    LengthRequired,
    MoveNotAllowed,
    PartNotTaken,
    TooManyUploads,
    UnsupportedContentEncoding,
    UnsupportedContentType,
    UploadTooSlow,
)
from api.request_errors import (
    InvalidJobId,
    LengthInvalid,
    MethodNotAllowed,
    ReceiptNotAvailable,
    ReceiptsNotConfigured,
    ReceiptsUnavailable,
    TooManyDownloads,
    UnsupportedCoding,
)
from ingest.errors.types import (
    AirflowNotReady,
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    IncompleteBody,
    IngestError,
    InvalidMetadata,
    JobBeingCataloged,
    JobCanceled,
    JobFinished,
    ReceivedByOriginal,
    RunNotStarted,
    ServiceUnavailable,
    SpoolFull,
    SpoolUnavailable,
    SubmittersUnavailable,
    UnknownJob,
    UploadAbandoned,
    UserJobsLimit,
    UserSpaceLimit,
    UserUploadsLimit,
)

RESUMABLE_ERRORS: tuple[type[IngestError], ...] = (
    UploadHeaderInvalid,
    UploadLengthInconsistent,
    UploadSuperseded,
    UploadStalled,
    TusVersionUnsupported,
    UploadLocked,
    ChecksumMismatch,
)
BODY_ERRORS: tuple[type[IngestError], ...] = (
    IncompleteBody,
    UploadTooSlow,
    LengthInvalid,
    LengthRequired,
    PartNotTaken,
    UnsupportedContentType,
    UnsupportedContentEncoding,
    UnsupportedCoding,
    ServiceUnavailable,
    DatabaseUnavailable,
    SpoolUnavailable,
    TooManyUploads,
    SpoolFull,
    UserUploadsLimit,
)
JOB_ERRORS = (
    *BODY_ERRORS,
    DigestInvalid,
    DigestMismatch,
    IdempotencyKeyInvalid,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    OutcomeUnknown,
    UploadAbandoned,
    UserSpaceLimit,
    UserJobsLimit,
)
CREATION_ERRORS = (
    *(error for error in JOB_ERRORS if error not in (PartNotTaken, UploadTooSlow)),
    BundleTooLarge,
    *RESUMABLE_ERRORS,
)
CONTINUATION_ERRORS = (*CREATION_ERRORS, UploadUnknown, UploadOffsetMismatch)
REMOVAL_ERRORS = (
    TusVersionUnsupported,
    UploadUnknown,
    UploadHasJob,
    UploadLocked,
    DatabaseUnavailable,
    SpoolUnavailable,
)
BUNDLE_ERRORS = (*JOB_ERRORS, BundleTooLarge, *RESUMABLE_ERRORS)
MOVE_ERRORS = (*JOB_ERRORS, InvalidMetadata, DocumentTooLarge, MoveNotAllowed)
PREFLIGHT_ERRORS = (*BODY_ERRORS, SubmittersUnavailable, DocumentTooLarge, BundleTooLarge)
PREFLIGHT_MOVE_ERRORS = (*BODY_ERRORS, SubmittersUnavailable, DocumentTooLarge, MoveNotAllowed)
OVERRIDE_ERRORS = (*CONTINUATION_ERRORS, UploadHasJob, MethodNotAllowed)
STATE_ERRORS = (InvalidJobId, UnknownJob, DatabaseUnavailable)
RECEIPT_FILES_ERRORS = (*STATE_ERRORS, ReceiptNotAvailable, TooManyDownloads)
RECEIPT_ERRORS = (*STATE_ERRORS, ReceiptNotAvailable, ReceiptsNotConfigured, ReceiptsUnavailable)
CANCEL_ERRORS = (*STATE_ERRORS, ReceivedByOriginal, JobFinished, JobBeingCataloged)
RETRY_ERRORS = (
    *STATE_ERRORS,
    ReceivedByOriginal,
    JobFinished,
    JobCanceled,
    RunNotStarted,
    AirflowNotReady,
    ServiceUnavailable,
)
