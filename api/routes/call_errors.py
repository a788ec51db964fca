"""The errors that each call raises, for the OpenAPI document. Read by `api.routes.operations`.

A test fails until each type of `RequestError` is here, in the errors of access (`api.routes.registration`) or in the
description of the whole API (`api.openapi.document`).
"""

from api.receiving.create_job import OutcomeUnknown
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
from api.request_errors import InvalidJobId, LengthInvalid, UnsupportedCoding
from ingest.errors.types import (
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    IncompleteBody,
    IngestError,
    InvalidMetadata,
    ServiceUnavailable,
    SpoolFull,
    SpoolUnavailable,
    UnknownJob,
    UploadAbandoned,
    UserJobsLimit,
    UserSpaceLimit,
    UserUploadsLimit,
)

BODY_ERRORS: tuple[type[IngestError], ...] = (
    IncompleteBody,
    UploadTooSlow,
    LengthInvalid,
    LengthRequired,
    PartNotTaken,
    DigestInvalid,
    DigestMismatch,
    IdempotencyKeyInvalid,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    UnsupportedContentType,
    UnsupportedContentEncoding,
    UnsupportedCoding,
    ServiceUnavailable,
    DatabaseUnavailable,
    OutcomeUnknown,
    UploadAbandoned,
    SpoolUnavailable,
    TooManyUploads,
    SpoolFull,
    UserUploadsLimit,
    UserSpaceLimit,
    UserJobsLimit,
)
BUNDLE_ERRORS = (*BODY_ERRORS, BundleTooLarge)
MOVE_ERRORS = (*BODY_ERRORS, InvalidMetadata, DocumentTooLarge, MoveNotAllowed)
STATE_ERRORS = (InvalidJobId, UnknownJob, DatabaseUnavailable)
