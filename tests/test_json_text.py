"""What JSON does not allow and the parser behind it would take or change, in whatever blocks it is read."""

import io
from functools import partial

import pytest

from ingest.bundle_metadata import entries
from ingest.errors import InvalidMetadata
from ingest.json_text import JsonText

WRONG = [
    rb'["\ud800"]',
    rb'["\ud800\u0041"]',
    rb'["\udc00\ud800"]',
    rb'["\uD83D\n"]',
    rb'["\\\ud83d"]',
    rb'["\ud83d\\ude00"]',
    b"[1,\x0b2]",
    b"[\x0c]",
]
RIGHT = [rb'["\ud83d\ude00"]', rb'["\uD83D\uDE00\uD83D\uDE00"]', rb'["\\ud83d"]', rb'["\\\\\u00e9\"\n"]', b"[]", b""]


def read_in_blocks(document: bytes, size: int) -> bytes:
    return b"".join(iter(partial(JsonText(io.BytesIO(document)).read, size), b""))


@pytest.mark.parametrize("size", [*range(1, 20), 65536, -1])
@pytest.mark.parametrize("document", WRONG)
def test_text_that_is_no_json_is_refused_in_blocks_of_any_size(document: bytes, size: int):
    with pytest.raises(ValueError, match=r"white space|surrogate pair"):
        read_in_blocks(document, size)


@pytest.mark.parametrize("size", [*range(1, 20), 65536, -1])
@pytest.mark.parametrize("document", RIGHT)
def test_text_that_is_json_is_given_as_it_is(document: bytes, size: int):
    assert read_in_blocks(document, size) == document + b"\n"


@pytest.mark.parametrize("document", [b'[]"never closed', b'[{"destinationTable": "T"}] "', b'[]\n"\\'])
def test_text_behind_the_document_that_is_never_closed_is_no_valid_json(document: bytes):
    with pytest.raises(InvalidMetadata, match="no valid JSON"):
        list(entries(io.BytesIO(document)))


@pytest.mark.parametrize("name", [rb"\ud800", rb"\ud83d\u0041"])
def test_half_a_surrogate_pair_is_never_read_as_another_name(name: bytes):
    with pytest.raises(InvalidMetadata, match="half of a surrogate pair"):
        list(entries(io.BytesIO(b'[{"destinationTable": "Files", "name": "%b"}]' % name)))
