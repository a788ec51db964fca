"""The errors of the client, as types with a stable code and the exit status of the command.

ClientError
 ├── UploaderError                1: the uploader must fix something
 │    ├── SourceUnreadable        a file or folder cannot be read
 │    ├── SourceChanged           a file changed after it was listed
 │    ├── NameUnusable            the name of a file cannot be stored
 │    ├── NothingToUpload         the given paths contain no file
 │    ├── MetadataUnusable        the file with the metadata cannot be used
 │    ├── CertificateUntrusted    the service's certificate is not signed by a trusted authority
 │    ├── BundleTooLarge          the service accepts only smaller bundles
 │    ├── RequestRefused          the service refused a request
 │    │    └── NotFound
 │    ├── ReceiptInvalid          a receipt is not valid, or is not that of the uploaded files
 │    ├── FolderDiffers           a folder is not what the receipt says
 │    ├── PreflightRefused        the metadata would be rejected; no file was sent
 │    └── JobRejected             the job failed, and the uploader must fix the reason
 ├── UsageError                   2: the command line is wrong
 ├── ServiceError                 3: the service failed
 │    ├── ServiceFailed           the service answered with an error of its own
 │    ├── OutcomeUnknown          the connection broke, and the bundle may have been received
 │    ├── JobFailed               the job failed for a reason that an admin must fix
 │    ├── StateUnusable           the folder in which the client keeps its state cannot be used
 │    └── ServiceUnavailable      the service may answer later: the request is repeated
 └── Interrupted                  4: the upload was interrupted, and can be resumed

A `ServiceUnavailable` is repeated by `service.retries`; the command turns the others into its exit status.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ExitStatus(IntEnum):
    """The exit statuses of `pacifica-ingest-upload`."""

    CATALOGED = 0
    UPLOADER = 1
    USAGE = 2
    SERVICE = 3
    INTERRUPTED = 4


class ClientError(Exception):
    """Base of every error of the client; `faults` are the single reasons, `job_id` is the job that failed."""

    code = "client_error"
    exit_status = ExitStatus.SERVICE

    def __init__(self, text: str, faults: tuple[str, ...] = (), job_id: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.faults = faults
        self.job_id = job_id


class UploaderError(ClientError):
    """The uploader must fix something."""

    code = "uploader_error"
    exit_status = ExitStatus.UPLOADER


class SourceUnreadable(UploaderError):
    """A file or folder cannot be read."""

    code = "source_unreadable"


class SourceChanged(UploaderError):
    """A file changed after it was listed."""

    code = "source_changed"


class NameUnusable(UploaderError):
    """The name of a file cannot be stored in a bundle."""

    code = "name_unusable"


class NothingToUpload(UploaderError):
    """The given paths contain no file."""

    code = "nothing_to_upload"


class MetadataUnusable(UploaderError):
    """The file with the metadata cannot be read, or is not valid."""

    code = "metadata_unusable"


class CertificateUntrusted(UploaderError):
    """The certificate of the service is not signed by a trusted authority."""

    code = "certificate_untrusted"


class BundleTooLarge(UploaderError):
    """The service accepts only smaller bundles."""

    code = "bundle_too_large"


class RequestRefused(UploaderError):
    """The service refused a request; `code` and `document` are the service's own, `status` is the HTTP status.

    `job_id` is the job that exists already for what was sent.
    """

    code = "request_refused"

    def __init__(
        self,
        text: str,
        status: int,
        code: str = "",
        document: dict[str, Any] | None = None,
        job_id: int | None = None,
    ) -> None:
        super().__init__(text, job_id=job_id)
        self.status = status
        self.code = code or self.code
        self.document = document or {}


class NotFound(RequestRefused):
    """The service does not know the call, the upload or the job."""


class ReceiptInvalid(UploaderError):
    """A receipt is not valid, or is not that of the uploaded files."""

    code = "receipt_invalid"


class FolderDiffers(UploaderError):
    """A folder is not what the receipt says: the faults name the files."""

    code = "folder_differs"


class PreflightRefused(UploaderError):
    """The service would reject the bundle; no file was sent."""

    code = "preflight_refused"


class JobRejected(UploaderError):
    """The job failed, and the uploader must fix the reason."""

    code = "job_rejected"


class UsageError(ClientError):
    """The command line is wrong."""

    code = "usage"
    exit_status = ExitStatus.USAGE


class ServiceError(ClientError):
    """The service failed."""

    code = "service_error"


class ServiceFailed(ServiceError):
    """The service answered with an error of its own, which repeating the request does not cure."""

    code = "service_failed"


class OutcomeUnknown(ServiceError):
    """The connection broke after the bundle was sent: the service may have received it."""

    code = "outcome_unknown"


class JobFailed(ServiceError):
    """The job failed for a reason that an admin must fix."""

    code = "job_failed"


class StateUnusable(ServiceError):
    """The folder in which the client keeps its state cannot be used."""

    code = "state_unusable"


class ServiceUnavailable(ServiceError):
    """The service cannot serve the request now; `retry_after` is the delay in seconds that it wishes.

    `answered` distinguishes an answer from a connection that failed or broke.
    """

    code = "service_unavailable"

    def __init__(self, text: str, retry_after: float | None = None, *, answered: bool = False, code: str = "") -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.answered = answered
        self.code = code or self.code


class Interrupted(ClientError):
    """The upload was interrupted, and can be resumed."""

    code = "interrupted"
    exit_status = ExitStatus.INTERRUPTED
