"""The errors that each call raises, for the OpenAPI document. Read by `api.routes.operations`.

A test fails until each type of `RequestError` is here, in the errors of access (`api.routes.registration`) or in the
description of the whole API (`api.openapi.document`).
"""

from api.receiving.create_job import OutcomeUnknown
from api.receiving.upload_errors import (
    BundleTooLarge,
    DocumentTooLarge,
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
    IncompleteBody,
    IngestError,
    InvalidMetadata,
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
JOB_ERRORS = (*BODY_ERRORS, OutcomeUnknown, UploadAbandoned, UserSpaceLimit, UserJobsLimit)
BUNDLE_ERRORS = (*JOB_ERRORS, BundleTooLarge)
MOVE_ERRORS = (*JOB_ERRORS, InvalidMetadata, DocumentTooLarge, MoveNotAllowed)
PREFLIGHT_ERRORS = (*BODY_ERRORS, SubmittersUnavailable, DocumentTooLarge, BundleTooLarge)
PREFLIGHT_MOVE_ERRORS = (*BODY_ERRORS, SubmittersUnavailable, DocumentTooLarge, MoveNotAllowed)
STATE_ERRORS = (InvalidJobId, UnknownJob, DatabaseUnavailable)
