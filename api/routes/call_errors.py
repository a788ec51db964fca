"""The errors that each call can be answered with, for the OpenAPI document. Read by `api.routes.operations`.

A test fails until each type of `RequestError` stands here, or in the words about the whole API (`api.openapi.document`).
"""

from api.access.access_errors import (
    CrossSite,
    NotAllowed,
    NotAuthenticated,
    NotTrusted,
    TokenInvalid,
    TokensUnavailable,
    UserNameInvalid,
)
from api.receiving.create_job import OutcomeUnknown
from api.request_errors import (
    BundleTooLarge,
    DocumentTooLarge,
    InvalidJobId,
    LengthInvalid,
    LengthRequired,
    MoveNotAllowed,
    PartNotTaken,
    TooManyUploads,
    UnsupportedCoding,
    UnsupportedContentEncoding,
    UnsupportedContentType,
    UploadTooSlow,
)
from ingest.errors.types import (
    DatabaseUnavailable,
    IngestError,
    InvalidMetadata,
    ServiceUnavailable,
    UnknownJob,
    UserJobsLimit,
    UserSpaceLimit,
    UserUploadsLimit,
)
from ingest.ledger.uploads import UploadAbandoned
from ingest.spool import IncompleteBody, SpoolFull, SpoolUnavailable

OF_ACCESS: tuple[type[IngestError], ...] = (
    NotAuthenticated,
    TokenInvalid,
    NotTrusted,
    UserNameInvalid,
    TokensUnavailable,
)
OF_A_BODY: tuple[type[IngestError], ...] = (
    *OF_ACCESS,
    CrossSite,
    NotAllowed,
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
    OutcomeUnknown,
    UploadAbandoned,
    SpoolUnavailable,
    TooManyUploads,
    SpoolFull,
    UserUploadsLimit,
    UserSpaceLimit,
    UserJobsLimit,
)
OF_A_BUNDLE = (*OF_A_BODY, BundleTooLarge)
OF_A_DOCUMENT = (*OF_A_BODY, InvalidMetadata, DocumentTooLarge, MoveNotAllowed)
OF_A_STATE = (*OF_ACCESS, InvalidJobId, UnknownJob, DatabaseUnavailable)
