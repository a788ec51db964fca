"""Errors that the uploader must fix. Everything that was archived for the job is deleted again."""

from typing import Any

from ingest.errors.base import IngestError
from ingest.errors.fault_codes import Fault, FaultCode, with_code
from ingest.errors.permanent import PermanentError

# Prefix of every message that the uploader must act on, and of no other.
FOR_UPLOADER = "the uploader must fix this"


class Rejection(PermanentError):
    """The uploader must fix the upload; nothing of the job stays in archive or catalog.

    `sentence` describes the fault, `fault` is its code if there is exactly one. A list of faults has the codes in its text;
    `faults` are those that the text names, `more_faults` is the number of the others (`ingest.errors.fault_list`).
    """

    code = "rejected"

    def __init__(self, sentence: str, fault: FaultCode | None = None) -> None:
        super().__init__(with_code(sentence, fault))
        self.sentence = sentence
        self.fault = fault
        self.faults: tuple[Fault, ...] = (Fault(fault, sentence),)
        self.more_faults = 0

    @property
    def text_of_job(self) -> str:
        """See `IngestError.text_of_job`."""
        return f"{FOR_UPLOADER}: {self.text}"

    @property
    def details_of_job(self) -> dict[str, Any]:
        """See `IngestError.details_of_job`: the faults, as answers of the API show them."""
        return {"faults": [each.to_document(self.code) for each in self.faults], "more_faults": self.more_faults}


class InvalidBundle(Rejection):
    """The bundle is not a tar, is truncated, or contains members that are not accepted."""

    code = "bundle_invalid"


class InvalidMetadata(Rejection):
    """metadata.txt, or a move document, violates the bundle format."""

    code = "metadata_invalid"


class InvalidSource(Rejection):
    """A source of a move is missing, outside the allowed folders, or not a regular file."""

    code = "source_invalid"


class IncompleteBody(Rejection):
    """The body is empty or shorter than announced."""

    code = "body_incomplete"


class PolicyRejected(Rejection):
    """Policy does not accept the metadata."""

    code = "policy_rejected"


class SubmitterMismatch(Rejection):
    """The user may not upload as the submitter that the metadata names."""

    code = "submitter_mismatch"


class FilesRejected(Rejection):
    """The size or hash of a file differs from its metadata."""

    code = "files_rejected"


class CatalogRejected(Rejection):
    """The metadata service does not accept the transaction; `file_id` is the file that it names, if any."""

    code = "catalogue_rejected"

    def __init__(self, text: str, file_id: int | None = None) -> None:
        super().__init__(text)
        self.file_id = file_id


class CatalogHoldsIds(CatalogRejected):
    """The catalog uses some of the transaction's file ids for other files; `ids` are those."""

    def __init__(self, text: str, ids: frozenset[int]) -> None:
        super().__init__(text)
        self.ids = ids


class DocumentRefused(Rejection):
    """A service answers the job's document with the same error again and again, and accepts those of other jobs."""

    code = "document_refused"

    def __init__(self, answer: IngestError, refusals: int) -> None:
        super().__init__(
            f"the service answered {refusals + 1} attempts with the same error, and accepted other jobs in between: "
            f"{answer.text}; check the values in the metadata, or report this to the facility"
        )


class RejectedBefore(Rejection):
    """A rejection that an earlier process began and this one finished; it keeps the earlier code and text."""

    def __init__(self, code: str, text: str, **details: object) -> None:
        super().__init__(text)
        self.code = code
        self._details = details

    @property
    def text_of_job(self) -> str:
        """See `IngestError.text_of_job`; the earlier process has added the prefix."""
        return self.text

    @property
    def details_of_job(self) -> dict[str, Any]:
        """See `IngestError.details_of_job`."""
        return self._details
