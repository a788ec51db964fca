"""Errors 500 of the real metadata service: a fault of the metadata is rejected, a fault of the service is retried."""

from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors.types import CatalogRejected, ServiceUnavailable
from ingest.services.metadata import Metadata
from tests.contracts.transactions import document, hashes, ingest, remove_key
from tools.bundles import Entry
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import METADATA

Documents = Callable[[int], list[Entry]]


def file_with(**changes: Any) -> Documents:
    """Return a document with one file, whose id is the transaction's; `changes` alter its entry."""
    return lambda number: document(number, [number], **changes)


def with_term(term: str, value: object) -> Documents:
    """Return a document with changed values of the transaction."""
    table = f"Transactions.{term}"
    return lambda number: [
        entry | ({"value": value} if entry["destinationTable"] == table else {}) for entry in document(number, [number])
    ]


def with_value(value: object) -> Documents:
    """Return a document with one more key and value."""
    return lambda number: [
        *document(number, [number]), {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": value}
    ]  # fmt: skip


def with_value_of_a_file(file_id: int) -> Documents:
    """Return a document with a value of a file that the catalog does not hold."""
    entry = {"destinationTable": "FileKeyValue", "key": "Tag", "value": "v", "file_id": file_id}
    return lambda number: [*document(number, [number]), entry]


def without_key(key: str, table: str = "Files") -> Documents:
    return lambda number: remove_key(document(number, [number]), key, table)


def without_table(table: str) -> Documents:
    return lambda number: [entry for entry in document(number, [number]) if entry["destinationTable"] != table]


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        (file_with(mimetype="nonsense"), "ValueError: Invalid metadata for file {}"),
        (file_with(mimetype="multipart/mixed"), "ValueError: Invalid metadata for file {}"),
        (file_with(hashsum="0f"), "ValueError: Invalid metadata for file {}"),
        (file_with(hashsum="sha1:" + "f" * 40), "ValueError: Invalid metadata for file {}"),
        (file_with(hashtype="SHA1"), "ValueError: Invalid metadata for file {}"),
        (file_with(size="many"), "ValueError: invalid literal for int() with base 10: 'many'"),
        (file_with(name="a\0b"), "ValueError: A string literal cannot contain NUL (0x00) characters."),
        (file_with(mtime="never"), "ParserError: Unknown string format: never"),
        (without_key("mimetype"), "KeyError: 'mimetype'"),
        (without_key("value", "TransactionKeyValue"), "KeyError: 'value'"),
        (without_table("Transactions.project"), "IndexError: list index out of range"),
        (without_table("Transactions._id"), "IndexError: list index out of range"),
        (
            with_value("test"),
            'IntegrityError: duplicate key value violates unique constraint "transactionkeyvalue_pkey"',
        ),
        (file_with(mtime=None), 'IntegrityError: null value in column "mtime" of relation "files"'),
        (file_with(mtime="1" * 20), "OverflowError: Python int too large to convert to C long"),
        (lambda number: document(number, [2**31]), "DataError: integer out of range"),
        (lambda number: document(2**31, [number]), "DataError: integer out of range"),
        (file_with(subdir="long/" * 52), "DataError: value too long for type character varying(255)"),
        (file_with(name="n" * 256), "DataError: value too long for type character varying(255)"),
        (file_with(mimetype="text/" + "x" * 256), "DataError: value too long for type character varying(255)"),
        (with_value("x" * 256), "DataError: value too long for type character varying(255)"),
        (with_term("submitter", "ten"), "DataError: invalid input syntax for type integer"),
        (with_value([1]), "ValuesDoesNotExist: "),
        (with_value_of_a_file(999_999_999), "FilesDoesNotExist: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fault_of_the_metadata_is_rejected_with_its_reason(
    metadata: Metadata, transaction_id: int, documents: Documents, reason: str
):
    with pytest.raises(CatalogRejected) as caught:
        ingest(metadata, transaction_id, documents(transaction_id))
    assert str(caught.value).startswith(f"Metadata does not accept the transaction: {reason.format(transaction_id)}")
    assert_nothing_stayed(metadata, transaction_id, str(caught.value))


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        (with_term("submitter", 999), "UsersDoesNotExist: "),
        (with_term("project", "nope"), "ProjectsDoesNotExist: "),
        (with_term("instrument", 999), "InstrumentsDoesNotExist: "),
        (file_with(mimetype=None), "TypeError: 'NoneType' object is not subscriptable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_other_fault_is_transient_with_its_reason(
    metadata: Metadata, core: Core, transaction_id: int, documents: Documents, reason: str
):
    with pytest.raises(ServiceUnavailable) as caught:
        ingest(metadata, transaction_id, documents(transaction_id))
    url = f"{core.url(METADATA)}/ingest"
    assert str(caught.value).startswith(
        f"metadata at {url} is not available: it answered 500 Internal Server Error: {reason}"
    )
    assert_nothing_stayed(metadata, transaction_id, str(caught.value))


def assert_nothing_stayed(metadata: Metadata, transaction_id: int, reason: str) -> None:
    """Assert that the reason is one line, that nothing was stored, and that the fixed document is accepted."""
    assert "\n" not in reason
    assert metadata.find(transaction_id) is None
    ingest(metadata, transaction_id, document(transaction_id, [transaction_id]))
    assert metadata.find(transaction_id) == hashes([transaction_id])
