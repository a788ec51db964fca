"""The catalog of transactions and their files: the protocol, and the client of Pacifica's Metadata.

Called by the stage `ingest_metadata`, by `ingest.archiving` before files are deleted from the archive, by
`ingest.services.submitters` (`user_ids`) and by `ingest.operations.reconcile`. The built-in catalog is in
`metadata_catalog`.
"""

import re
from collections.abc import Collection
from itertools import chain
from typing import BinaryIO, NamedTuple, Protocol
from urllib.parse import urlencode

import ijson

from ingest.errors.types import CatalogHoldsIds, CatalogRejected
from ingest.services.answer import Answer
from ingest.services.http_client import HttpClient, json_body

# The exceptions of the service that the metadata causes; any other may be a failure of the service. ParserError is
# dateutil's ValueError. DataError is PostgreSQL's error for a value that a column cannot hold; trying again does not
# help.
METADATA_FAULTS = frozenset(
    {
        "ValueError", "ParserError", "KeyError", "IndexError", "OverflowError", "IntegrityError", "DataError",
        "FilesDoesNotExist", "KeysDoesNotExist", "ValuesDoesNotExist",
    }
)  # fmt: skip
DUPLICATE = "Could not insert records"
INVALID_FILE = re.compile(r"Invalid metadata for file (\d+)")
IDS = re.compile(r"\[ID: ([0-9,]*)\]")
NO_FILES = "No files from the list"
# The service answers after it has looked up and inserted every file: the slowest rate that is accepted.
INGEST_BYTES_PER_SECOND = 20_000


class FileHash(NamedTuple):
    """The hash of a file in the catalog; `hash_sum` in hexadecimal."""

    hash_type: str
    hash_sum: str


class Metadata(Protocol):
    """Holds transactions and their files. Raises ServiceUnavailable or, if built in, DatabaseUnavailable."""

    def find(self, transaction_id: int) -> dict[int, FileHash] | None:
        """Return the files of a transaction by id; None if the catalog does not hold the transaction."""
        ...

    def holds_files(self, file_ids: Collection[int]) -> frozenset[int]:
        """Return those of at most a thousand file ids that the catalog holds, for any transaction."""
        ...

    def user_ids(self, network_id: str) -> frozenset[int]:
        """Return the ids of the users with this account name; empty if there is none."""
        ...

    def max_processing_seconds(self, size: int) -> float:
        """Return the maximum seconds from sending a document of `size` bytes until it is cataloged or lost.

        Holds also if the process that sent it has been killed.
        """
        ...

    def ingest(self, transaction_id: int, document: BinaryIO, size: int) -> None:
        """Catalog a transaction, completely or not at all.

        Args:
            transaction_id: Its id.
            document: A JSON list of entries, positioned at its start.
            size: Its length in bytes.

        Raises:
            CatalogRejected: The entries are not accepted; the reason in one line.
            CatalogHoldsIds: The catalog already holds an id of the entries.
            ServiceUnavailable: The catalog may or may not hold the transaction now: check with `find`.
        """
        ...


class PacificaMetadata:
    """The client of Pacifica's Metadata; `client` has the URL before `/ingest`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def find(self, transaction_id: int) -> dict[int, FileHash] | None:
        """See `Metadata.find`."""
        with self._client.request("GET", f"/transactioninfo/by_id/{transaction_id}", expected=(200, 404)) as answer:
            # A path that does not exist is 404 too, for example if the URL in the settings is wrong.
            if answer.status == 404:  # noqa: PLR2004
                if "No Transaction with an ID" in answer.error_message():
                    return None
                raise self._client.unavailable("/transactioninfo", answer.failure_text())
        path = f"/transactioninfo/files/{transaction_id}"
        with self._client.request("GET", path) as answer:
            try:
                return _files(answer)
            except (ijson.JSONError, ValueError, KeyError, TypeError) as error:
                raise self._client.unavailable(path, f"its list of files cannot be read: {error!r}") from error

    def holds_files(self, file_ids: Collection[int]) -> frozenset[int]:
        """See `Metadata.holds_files`."""
        path = "/fileinfo/file_details"
        body, size = json_body(list(file_ids))
        headers = {"Content-Type": "application/json"}
        with self._client.request("POST", path, expected=(200, 404), headers=headers, body=body, size=size) as answer:
            if answer.status == 404:  # noqa: PLR2004
                if NO_FILES in answer.error_message():
                    return frozenset()
                raise self._client.unavailable(path, answer.failure_text())
            try:
                return frozenset(ijson.items(answer, "item.file_id"))
            except (ijson.JSONError, TypeError) as error:
                raise self._client.unavailable(path, f"its list of files cannot be read: {error!r}") from error

    def user_ids(self, network_id: str) -> frozenset[int]:
        """See `Metadata.user_ids`; the service compares names case-insensitively."""
        path = f"/users?{urlencode({'network_id': network_id, 'recursion_depth': 0})}"
        with self._client.request("GET", path) as answer:
            try:
                users = list(ijson.items(answer, "item"))
                return frozenset(int(user["_id"]) for user in users if user["deleted"] is None)
            except (ijson.JSONError, ValueError, KeyError, TypeError) as error:
                raise self._client.unavailable("/users", f"its list of users cannot be read: {error!r}") from error

    def max_processing_seconds(self, size: int) -> float:
        """See `Metadata.max_processing_seconds`: the time-out of the request."""
        return self._client.max_seconds + _ingest_seconds(size)

    def ingest(self, transaction_id: int, document: BinaryIO, size: int) -> None:  # noqa: ARG002 - it is in the document
        """See `Metadata.ingest`."""
        with self._client.request(
            "PUT",
            "/ingest",
            expected=(200, 400, 500),
            headers={"Content-Type": "application/json"},
            body=document,
            size=size,
            extra_seconds=_ingest_seconds(size),
        ) as answer:
            self._raise_for(answer)

    def _raise_for(self, answer: Answer) -> None:
        exception, text = answer.remote_exception()
        if answer.status == 400 and answer.error_message().startswith(DUPLICATE):  # noqa: PLR2004
            raise CatalogHoldsIds(f"Metadata does not accept the transaction: {answer.error_message()}", _ids(answer))
        if answer.status == 500 and exception in METADATA_FAULTS:  # noqa: PLR2004
            named = INVALID_FILE.search(text)
            file_id = int(named[1]) if named else None
            raise CatalogRejected(f"Metadata does not accept the transaction: {text}", file_id)
        if answer.json_object().get("status") != "success":
            raise self._client.unavailable("/ingest", answer.failure_text(), refuses_document=True)


def _ingest_seconds(size: int) -> float:
    return size / INGEST_BYTES_PER_SECOND


def _ids(answer: Answer) -> frozenset[int]:
    listed = IDS.search(str(answer.json_object().get("message")))
    return frozenset(int(word) for word in listed[1].split(",") if word.isdecimal()) if listed else frozenset()


def _files(answer: Answer) -> dict[int, FileHash]:
    # Streamed, so that only ids and hashes of a million files are in memory.
    events = ijson.parse(answer)
    first = next(events)
    if first[1] != "start_map":
        raise ValueError("it is not an object")
    files = {}
    for file_id, file in ijson.kvitems(chain([first], events), ""):
        files[int(file_id)] = FileHash(str(file["hashtype"]), str(file["hashsum"]))
    return files
