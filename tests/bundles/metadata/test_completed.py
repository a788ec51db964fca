"""Completed documents for policy and the catalog; memory stays flat while a document is read and completed."""

import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from ingest.bundles.bundle_metadata import ArchivedAs, MetadataReader, completed
from ingest.bundles.passed_on import MAX_NAMED
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Kind
from tests.bundles.metadata.documents import JOB, ONE, SHA1, Entry, encoded, without
from tools.bundles import CONTENTS, file_entry, metadata_of, transaction

TIME = "2026-11-23T10:00:00"


def with_file_id(file_id: int, position: int = 0, hash_sum: str = SHA1, path: str = "a/one.txt") -> ArchivedAs:
    return ArchivedAs(position, path, file_id, "sha1", hash_sum)


def complete(listed: list[Entry], files: Iterable[ArchivedAs] = (), *, for_catalog: bool = True) -> list[Entry]:
    return list(completed(encoded(listed), JOB, files, no_ids, for_catalog=for_catalog))


def no_ids(paths: Sequence[str]) -> dict[str, int | None]:
    raise AssertionError(f"nothing is to be looked up, but {paths} is")


@pytest.mark.parametrize("for_catalog", [True, False])
def test_transaction_id_is_added_once_at_the_end(for_catalog: bool):
    listed: list[Entry] = [{"destinationTable": "Transactions._id", "value": JOB}, *transaction()]
    listed.append({"destinationTable": "Transactions._id", "value": str(JOB)})
    given = complete(listed, for_catalog=for_catalog)
    assert given == [*transaction(), {"destinationTable": "Transactions._id", "value": JOB}]


def test_document_without_files_has_only_the_entries_about_the_transaction():
    value: Entry = {"destinationTable": "FileKeyValue", "path": "data/a", "key": "k", "value": "v"}
    listed = [file_entry("data/a", ONE), value, *transaction()]
    given = list(completed(encoded(listed), JOB, [], no_ids, for_catalog=False, with_files=False))
    assert given == [*transaction(), {"destinationTable": "Transactions._id", "value": JOB}]


@pytest.mark.parametrize("for_catalog", [True, False])
def test_files_get_their_ids_and_normalised_hashes(for_catalog: bool):
    entry = file_entry("data/a/one.txt", ONE, hashtype="SHA1", hashsum=f"SHA1:{SHA1.upper()}")
    given = complete([entry], [with_file_id(501)], for_catalog=for_catalog)[0]
    assert (given["_id"], given["hashtype"], given["hashsum"]) == (501, "sha1", SHA1)


@pytest.mark.parametrize("for_catalog", [True, False])
def test_whole_numbers_are_sent_on_as_integers(for_catalog: bool):
    """R and JavaScript write numbers like this: `1e+05`, `4.0`."""
    listed = [
        file_entry("data/a", ONE, size=4.0, mtime=1.5e9, ctime=0.0),
        {"destinationTable": "Transactions.submitter", "value": 1e5},
        {"destinationTable": "Transactions.instrument", "value": 5.5},
    ]
    file, submitter, instrument, _ = complete(listed, [with_file_id(1)], for_catalog=for_catalog)
    whole = [file["size"], file["mtime"], file["ctime"], submitter["value"]]
    assert (whole, [type(number) for number in whole]) == ([4, 1_500_000_000, 0, 100_000], [int] * 4)
    assert instrument["value"] == 5.5


def test_id_of_the_uploader_is_replaced():
    given = complete([file_entry("data/a", ONE, _id=1)], [with_file_id(501)])
    assert given[0]["_id"] == 501


@pytest.mark.parametrize(
    ("subdir", "cut"),
    [
        ("data/a/b", "a/b"),
        ("data/a/b/", "a/b"),
        ("data//a/b", "a/b"),
        ("a/b", "a/b"),
        ("data", ""),
        ("data/", ""),
        ("", ""),
        ("data/data", "data"),
        ("data/日本", "日本"),
        ("database/a", "database/a"),
    ],
)
def test_data_is_cut_from_the_folder_for_the_catalog_only(subdir: str, cut: str):
    listed = [file_entry("data/x", ONE, subdir=subdir)]
    [declared] = MetadataReader(encoded(listed), Kind.INGEST, JOB).files()
    assert declared.path == f"{cut}/x".removeprefix("/")
    files = [with_file_id(1, path=declared.path)]
    assert complete(listed, files, for_catalog=True)[0]["subdir"] == cut
    assert complete(listed, files, for_catalog=False)[0]["subdir"] == subdir


@pytest.mark.parametrize("subdir", ["data", "data/", "data/a", "data/data", "other"])
def test_folder_below_data_may_be_called_data_itself(subdir: str):
    listed = [file_entry("data/x", ONE, subdir=subdir)]
    [declared] = MetadataReader(encoded(listed), Kind.INGEST, JOB, below_data=True).files()
    folder = subdir.rstrip("/")
    assert declared.path == f"{folder}/x"
    assert complete(listed, [with_file_id(1, path=declared.path)])[0]["subdir"] == folder


@pytest.mark.parametrize(
    ("subdir", "name", "folder"), [("data/a", "b/x", "a"), ("", "b/x", ""), ("", "data/x", ""), ("data", "./x", "")]
)
def test_name_may_hold_folders_itself(subdir: str, name: str, folder: str):
    listed = [file_entry("data/x", ONE, subdir=subdir, name=name)]
    [declared] = MetadataReader(encoded(listed), Kind.INGEST, JOB).files()
    given = complete(listed, [with_file_id(1, path=declared.path)])[0]
    assert (given["subdir"], given["name"]) == (folder, name)


def test_file_without_a_folder_gets_an_empty_one_for_the_catalog_only():
    listed, files = [without("subdir")], [with_file_id(1, path="one.txt")]
    assert complete(listed, files, for_catalog=True)[0]["subdir"] == ""
    assert "subdir" not in complete(listed, files, for_catalog=False)[0]


@pytest.mark.parametrize("for_catalog", [True, False])
def test_order_is_kept_and_only_known_keys_are_passed_on(for_catalog: bool):
    kept: list[Entry] = [
        file_entry("data/z", b"z", source="/srv/a"),
        {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": {"deep": [1, None, "é"]}},
        file_entry("data/a", b"a"),
        {"destinationTable": "Transactions.project", "value": "1234a"},
    ]
    foreign: dict[str, Any] = {"deleted": TIME, "transaction_id": 5, "transaction": 5, "query_results": [{"a": 1}]}
    foreign.update(dict.fromkeys(("displayTitle", "encoding", "updated", "suspense_date", "file_id", ""), "x"))
    files = [with_file_id(8, 0, "8" * 40, "z"), with_file_id(9, 2, "9" * 40, "a")]
    given = complete([entry | foreign for entry in kept], files, for_catalog=for_catalog)
    changes = [{"_id": 8, "hashsum": "8" * 40}, {}, {"_id": 9, "hashsum": "9" * 40}, {}]
    folder = {"subdir": ""} if for_catalog else {}
    expected = [entry | change | (folder if change else {}) for entry, change in zip(kept, changes, strict=True)]
    assert given == [*expected, {"destinationTable": "Transactions._id", "value": JOB}]


@pytest.mark.parametrize("for_catalog", [True, False])
@pytest.mark.parametrize(
    "table",
    [
        "Users",
        "Transactions",
        "Transactions.suspense_date",
        "submitter",
        "Keys",
        "NothingReally",
        "",
        "files",
        "Files ",
    ],
)
def test_entries_of_other_tables_are_not_passed_on(table: str, for_catalog: bool):
    entry = {"destinationTable": table, "_id": 10, "value": 1, "metaID": "directory"}
    assert complete([*transaction(), entry], for_catalog=for_catalog)[:-1] == transaction()
    reader = MetadataReader(encoded([*transaction(), entry, entry]), Kind.INGEST, JOB)
    assert list(reader.files()) == []
    assert not reader.faults
    assert str(reader.left_out) == f"{table!r} (2)"


def test_only_a_few_of_very_many_tables_are_named():
    listed = [{"destinationTable": f"{number}{'x' * 1000}"} for number in range(2000)]
    reader = MetadataReader(encoded(listed), Kind.INGEST, JOB)
    list(reader.files())
    assert str(reader.left_out).endswith(f"(1), others ({2000 - MAX_NAMED})")
    assert len(str(reader.left_out)) < MAX_NAMED * 400


def test_completing_a_document_again_returns_the_same():
    listed = metadata_of(CONTENTS)
    files = [with_file_id(number, number, path=path[5:]) for number, path in enumerate(CONTENTS, 4)]
    first = complete(listed, files)
    assert complete(first, files) == first


def test_completing_a_broken_document_is_refused():
    with pytest.raises(InvalidMetadata):
        list(completed(io.BytesIO(b"[{}]"), JOB, [], no_ids, for_catalog=True))


# Memory

# Lists of these files and entries would take 1.6 and 3.3 MB.
MANY = 5_000


@pytest.fixture(scope="module")
def large_document() -> bytes:
    entry = json.dumps({"destinationTable": "Files", "name": "one.txt", "size": 4, "hashtype": "sha1", "hashsum": SHA1})
    return f"[{', '.join([entry] * MANY)}]".encode()


def test_memory_stays_flat_while_files_are_read(large_document: bytes):
    document = io.BytesIO(large_document)
    tracemalloc.start()
    try:
        count = sum(1 for _ in MetadataReader(document, Kind.INGEST, JOB).files())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == MANY
    assert peak < 500_000


def test_memory_stays_flat_while_a_document_is_completed(large_document: bytes):
    document = io.BytesIO(large_document)

    def files() -> Iterator[ArchivedAs]:
        for number in range(MANY):
            yield with_file_id(number, number)

    tracemalloc.start()
    try:
        count = sum(1 for _ in completed(document, JOB, files(), no_ids, for_catalog=True))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == MANY + 1
    assert peak < 500_000
