import io
import json
import tracemalloc

import pytest

from api.receiving.move_document import check_move_document
from ingest.bundles.metadata_document import LARGEST_ENTRY
from ingest.errors.types import InvalidMetadata
from ingest.settings.loading import Settings


def check(document: bytes) -> None:
    check_move_document(io.BytesIO(document), Settings(), "ada")


@pytest.mark.parametrize("document", [b"[{}]", b' [ {"a": [1, {"b": []}]}, {"c": null} ] '])
def test_a_list_of_objects_is_accepted(document: bytes) -> None:
    stream = io.BytesIO(document)
    check_move_document(stream, Settings(), "ada")
    assert stream.read() == b""


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "metadata_not_list"),
        (b"{}", "metadata_not_list"),
        (b"5", "metadata_not_list"),
        (b'{"item": [{}]}', "metadata_not_list"),
        (b"[]", "metadata_empty"),
        (b"[", "metadata_cut"),
        (b"[{}", "metadata_cut"),
        (b"[{}]]", "metadata_goes_on"),
        (b"[{}][{}]", "metadata_goes_on"),
        (b"[{},]", "metadata_not_json"),
        (b"[{'a': 1}]", "metadata_not_json"),
        (b"\xef\xbb\xbf[{}]", "metadata_has_mark"),
        (b'[{"a": "\xff"}]', "metadata_encoding"),
        (b'[{"n": 1e400}]', "number_too_large"),
        (b'[{"n": NaN}]', "number_not_finite"),
        (b'[{"n": 1, "n": 1}]', "key_twice"),
        (b'[{"n": ' + b"[" * 100_000, "entry_too_deep"),
        (b'[{"n": "' + b"x" * 2 * LARGEST_ENTRY + b'"}]', "entry_too_long"),
    ],
)
def test_a_document_that_is_not_a_json_list_of_objects_is_refused(document: bytes, code: str) -> None:
    with pytest.raises(InvalidMetadata, match=rf" \[{code}\]$"):
        check(document)


@pytest.mark.parametrize("entry", [b"1", b"null", b"[]", b"[{}]", b'"a"', b"true"])
def test_an_entry_that_is_not_an_object_is_named(entry: bytes) -> None:
    with pytest.raises(InvalidMetadata, match=r"^entry 1: it must be an object \[entry_not_object\]$"):
        check(b"[{}, " + entry + b", {}]")


def test_a_long_document_takes_little_memory() -> None:
    document = json.dumps([{"destinationTable": "Files", "name": f"{number}"} for number in range(30_000)]).encode()
    tracemalloc.start()
    check(document)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(document) / 4
