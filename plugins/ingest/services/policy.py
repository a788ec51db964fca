"""Checks whether an upload is permitted: Pacifica's Policy, or a built-in check that the metadata is complete.

Called by the stage `validate_policy`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import ijson

from ingest.errors.types import PolicyRejected
from ingest.services.http_client import HttpClient

REQUIRED = {f"Transactions.{name}": name for name in ("submitter", "project", "instrument")}

# The statuses of a rejection; any other one, such as the 404 of a wrong URL, is a failure of the service.
REJECTIONS = (400, 403, 412, 422)
# Policy also answers so if it cannot process the metadata, such as a submitter that is no number.
FAILURE = 500


class Policy(Protocol):
    """Accepts or rejects the metadata of a job.

    Without `needs_files` it reads no entry about a file, and accepts a document without them.
    """

    needs_files: bool

    def check(self, document: BinaryIO, size: int, user: str) -> None:
        """Check the metadata.

        Args:
            document: A JSON list of entries, positioned at its start.
            size: Its length in bytes.
            user: The uploader.

        Raises:
            PolicyRejected: It is not accepted; the text has all reasons of Policy, in one line.
            ServiceUnavailable: Policy, or the Metadata service that it queries, does not answer.
        """
        ...


class PacificaPolicy:
    """The client of Pacifica's Policy."""

    needs_files = True

    def __init__(self, client: HttpClient, auth_header: str) -> None:
        self._client = client
        self._auth_header = auth_header

    def check(self, document: BinaryIO, size: int, user: str) -> None:
        """See `Policy.check`."""
        headers: dict[str, str | bytes] = {"Content-Type": "application/json"}
        headers[self._auth_header] = user.encode()
        with self._client.request(
            "POST", expected=(200, FAILURE, *REJECTIONS), headers=headers, body=document, size=size
        ) as answer:
            if answer.status == FAILURE:
                raise self._client.unavailable("", answer.failure_text(), refuses_document=True)
            if answer.status != 200:  # noqa: PLR2004
                raise PolicyRejected(f"Policy does not accept the metadata: {answer.error_message()}")
            if answer.json_object().get("status") != "success":
                raise self._client.unavailable("", "its answer has no status success")


class BuiltInPolicy:
    """Accepts metadata that names exactly one submitter, project and instrument."""

    needs_files = False

    def check(self, document: BinaryIO, size: int, user: str) -> None:  # noqa: ARG002 - as the protocol says
        """See `Policy.check`; memory does not grow with the number of entries."""
        found: Counter[str] = Counter()
        try:
            for entry in ijson.items(document, "item", use_float=True):
                found.update(_count_keys(entry))
        except ijson.JSONError as error:
            raise PolicyRejected("the metadata is not JSON") from error
        if violations := list(_violations(found)):
            raise PolicyRejected(f"the metadata is not complete: {'; '.join(violations)}")


def _count_keys(entry: object) -> Iterator[str]:
    table = entry.get("destinationTable") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(table, str):
        yield "no table"
    elif table in REQUIRED:
        yield table
        value = entry.get("value")
        if value is not None and str(value).strip():
            yield f"value of {table}"


def _violations(found: Counter[str]) -> Iterator[str]:
    for table, name in REQUIRED.items():
        if not found[table]:
            yield f"{name} is missing"
        elif found[table] > 1:
            yield f"{name} is present {found[table]} times"
        elif not found[f"value of {table}"]:
            yield f"{name} has no value"
    if found["no table"]:
        yield f"entries without a destinationTable: {found['no table']}"
