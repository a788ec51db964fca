import io
import json
import tracemalloc

import pytest

from api.move_document import check_move_document
from ingest.errors import InvalidMetadata


def check(document: bytes) -> None:
    check_move_document(io.BytesIO(document))


@pytest.mark.parametrize("document", [b"[{}]", b' [ {"a": [1, {"b": []}]}, {"c": null} ] '])
def test_a_list_of_objects_is_taken(document: bytes) -> None:
    stream = io.BytesIO(document)
    check_move_document(stream)
    assert stream.read() == b""


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[",
        b"[{}",
        b"[{}]]",
        b"[{}] x",
        b"[{},]",
        b"\xff",
        b'[{"a": "\xff"}]',
        b"[{'a': 1}]",
        b"[{}][{}]",
        b'[{"n": 1e400}]',
    ],
)
def test_what_is_not_json_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidMetadata, match="not valid JSON"):
        check(document)


@pytest.mark.parametrize("document", [b"{}", b"{", b"5", b'"a"', b"null", b'{"item": [{}]}'])
def test_what_is_not_a_list_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidMetadata, match="not a list"):
        check(document)


@pytest.mark.parametrize("entry", [b"1", b"null", b"[]", b"[{}]", b'"a"', b"true"])
def test_an_entry_that_is_not_an_object_is_named(entry: bytes) -> None:
    with pytest.raises(InvalidMetadata, match="entry 2 of the list is not an object"):
        check(b"[{}, " + entry + b"]")


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(InvalidMetadata, match="list is empty"):
        check(b"[]")


def test_a_long_document_takes_little_memory() -> None:
    document = json.dumps([{"destinationTable": "Files", "name": f"{number}"} for number in range(100_000)]).encode()
    tracemalloc.start()
    check(document)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(document) / 4
