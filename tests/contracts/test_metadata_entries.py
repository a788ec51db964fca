"""The values of entries: both catalogs accept what clients send."""

import pytest

from ingest.bundles.metadata_entries import HASH_LENGTHS
from ingest.services.metadata import FileHash, Metadata
from tests.contracts.transactions import document, hashes, ingest

NAMES = ["日本.txt", "q'u\"o$t\\e%s{}&<b>;--", "two\nlines\t", " ", "é\u0301\U0001f600", "x" * 255, "日" * 255]
FOLDERS = ["", "a/b", "a//b/", "日本/" * 50]
VALUES = ["text", "日本", "", "q'u\"o$t\\e%s&<b>", "x" * 255, 5, 1.5, True]
# The formats of pacifica-uploader, of other clients, and seconds since 1970.
DATES = ["2026-11-23T10:00:00", "2026-11-23T10:00:00.123456+02:00", "Tue Nov 29 14:09:05 PST 2016", 1479999999]


@pytest.mark.parametrize(("hash_type", "digits"), HASH_LENGTHS.items())
def test_hash_is_found_as_it_was_sent(metadata: Metadata, new_id: int, hash_type: str, digits: int):
    ingest(metadata, new_id, document(new_id, [new_id], hashtype=hash_type, hashsum="0f" * (digits // 2)))
    assert metadata.find(new_id) == {new_id: FileHash(hash_type, "0f" * (digits // 2))}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("name", name) for name in NAMES),
        *(("subdir", folder) for folder in FOLDERS),
        *(("mtime", date) for date in DATES),
        ("size", 2**62),
        ("mimetype", "text/x-日本"),
        ("query_results", {"an uploader": ["sends", None, "more"]}),
    ],
)
def test_file_may_have_any_value_of_a_key(metadata: Metadata, new_id: int, key: str, value: object):
    ingest(metadata, new_id, document(new_id, [new_id], **{key: value}))
    assert metadata.find(new_id) == hashes([new_id])


@pytest.mark.parametrize("table", ["TransactionKeyValue", "FileKeyValue"])
@pytest.mark.parametrize("value", VALUES)
def test_any_value_is_accepted_in_a_key_value_entry(metadata: Metadata, new_id: int, table: str, value: object):
    pair = {"destinationTable": table, "key": "日本 key", "value": value, "file_id": new_id}
    ingest(metadata, new_id, [*document(new_id, [new_id]), pair])
    assert metadata.find(new_id) == hashes([new_id])


def test_key_may_have_two_values(metadata: Metadata, new_id: int):
    pairs = [{"destinationTable": "TransactionKeyValue", "key": "Tag", "value": value} for value in ("one", "two")]
    ingest(metadata, new_id, [*document(new_id), *pairs])
    assert metadata.find(new_id) == {}
