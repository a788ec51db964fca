"""Reading of a document: accepted documents, errors that end the reading, and faults of any entry."""

import io
import json
import tracemalloc
from collections.abc import Callable

import pytest

from ingest.bundles.document_window import BLOCK
from ingest.bundles.entry_decoder import MAX_LEVELS
from ingest.bundles.metadata_document import LARGEST_ENTRY, objects
from ingest.errors.fault_list import MAX_LISTED, FaultList
from ingest.errors.types import InvalidMetadata
from tests.bundles.metadata.documents import Entry, X, codes, parsed, refusal
from tools.bundles import CONTENTS, metadata_of


def with_value(value: str) -> str:
    return f'[{X}, {{"destinationTable": "x", "value": {value}}}]'


# Accepted documents and tars


def test_entries_come_in_order_and_as_they_are():
    listed: list[Entry] = [
        {"destinationTable": "Transactions.project", "value": "日本 \U0001f600 é \x7f"},
        {"destinationTable": "x", "value": {"deep": [1, 2.5, -3, True, False, None, {"a": []}]}, "other": ""},
        {"destinationTable": "x", "value": [2**63 - 1, -(2**63), 0]},
    ]
    assert parsed(json.dumps(listed)) == listed
    assert parsed(json.dumps(listed, ensure_ascii=False)) == listed
    assert parsed(f"\r\n\t {json.dumps(listed, indent=2)} \r\n\t") == listed


@pytest.mark.parametrize(
    ("text", "number", "sent_on"),
    [
        ("1", 1, "1"),
        ("-0", 0, "0"),
        ("0.1", 0.1, "0.1"),
        ("1.10", 1.1, "1.1"),
        ("-0.0", -0.0, "-0.0"),
        ("1e3", 1000.0, "1000.0"),
        ("1E+2", 100.0, "100.0"),
        ("1.7976931348623157e308", 1.7976931348623157e308, "1.7976931348623157e+308"),
        ("5e-324", 5e-324, "5e-324"),
        ("0.1000000000000000055511151231257827", 0.1, "0.1"),
        ("9223372036854775807", 2**63 - 1, "9223372036854775807"),
    ],
)
def test_numbers_are_integers_of_64_bits_or_of_double_precision(text: str, number: float, sent_on: str):
    value = parsed(with_value(text))[1]["value"]
    assert (type(value), value) == (type(number), number)
    assert json.dumps(value) == sent_on


@pytest.mark.parametrize("size", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_entries_are_the_same_wherever_the_blocks_end(size: int):
    listed = [{"destinationTable": "x", "value": [number, "é日\U0001f600" * 9, 1.5e-7, None]} for number in range(200)]
    for document in (json.dumps(listed), json.dumps(listed, ensure_ascii=False)):
        faults = FaultList()
        assert [entry for _, entry in objects(InBlocks(document.encode(), size), faults)] == listed
        assert not faults


class InBlocks(io.BytesIO):
    """A file that returns a limited number of bytes for each read."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, self._size))


# Errors that end the reading


@pytest.mark.parametrize(
    "document",
    ["{}", '"text"', "5", "null", "true", '{"destinationTable": "x"}', f'{{"a": [{X}]}}', "not json", "NaN", ""],
)
def test_document_that_is_no_list_is_refused(document: str):
    assert refusal(document) == "the metadata must be a JSON list of objects [metadata_not_list]"


@pytest.mark.parametrize("document", ["[]", " [ ] ", "[]\n", "\n\t[\r\n]\n"])
def test_empty_list_is_refused(document: str):
    assert refusal(document) == "the metadata is an empty list [metadata_empty]"


@pytest.mark.parametrize(
    "entry",
    [
        "nonsense",
        "",
        "{'destinationTable': 'x'}",
        '{destinationTable: "x"}',
        '{"destinationTable": "x",}',
        '{"destinationTable" "x"}',
        '{"destinationTable": "x" "value": 1}',
        '{"destinationTable": "x", "value": 01}',
        '{"destinationTable": "x", "value": +1}',
        '{"destinationTable": "x", "value": .5}',
        '{"destinationTable": "x", "value": 1.}',
        '{"destinationTable": "x", "value": 0x1}',
        '{"destinationTable": "x", "value": True}',
        '{"destinationTable": "x", "value": "a\nb"}',
        '{"destinationTable": "x", "value": "a\x00b"}',
        '{"destinationTable": "x", "value": "\\x41"}',
        '{"destinationTable": "x", "value": "\\u12g4"}',
        '{"destinationTable": "x", 5: 1}',
        "// a comment",
        f"\x0c{X}",
        f"{X}\x0b",
        f"{X} {X}",
        f"{X}}}",
    ],
)
@pytest.mark.parametrize("behind", [0, 10_000])
def test_entry_that_is_no_json_is_named(entry: str, behind: int):
    text = refusal(f"[{X}, {entry}{f', {X}' * behind}]")
    assert text.startswith("the metadata is not valid JSON in or after entry 1, at character ")
    assert codes(text) == ["metadata_not_json"]


@pytest.mark.parametrize("behind", ["x", "]", f"[{X}]", "\0", ",", "1", '"never closed', "\x0b", "\xa0"])
def test_anything_behind_the_list_is_refused(behind: str):
    assert (
        refusal(f"[{X}] {behind}")
        == "data follows the list of the metadata; send one JSON list and nothing else [metadata_goes_on]"
    )


def test_document_that_is_cut_anywhere_is_refused():
    document = json.dumps(metadata_of(CONTENTS)).encode()
    for cut in range(1, len(document)):
        assert codes(refusal(document[:cut]))[-1] in {"metadata_cut", "metadata_not_json"}, document[:cut]


@pytest.mark.parametrize(
    "ending", ['"val', '"value": "tex', '"value": 1', '"value": {"a": [1', '"value": [', "", '"value"']
)
def test_error_of_a_truncated_document_names_the_entry(ending: str):
    text = refusal(f'[{X}, {{"destinationTable": "x", {ending}')
    assert text == "the metadata is truncated: it ends in entry 1; send the whole document [metadata_cut]"


def test_byte_order_mark_is_refused():
    text = refusal(b"\xef\xbb\xbf[]")
    assert text == "the metadata begins with a byte order mark; save it as UTF-8 without one [metadata_has_mark]"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_other_unicode_encodings_are_refused(encoding: str):
    text = refusal(f"[{X}]".encode(encoding))
    assert text.startswith("the metadata looks like utf-")
    assert codes(text) == ["metadata_encoding"]


@pytest.mark.parametrize(
    "wrong", ["é".encode("latin-1"), b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", "é".encode()[:1]]
)
@pytest.mark.parametrize("before", [0, BLOCK - 40, 3 * BLOCK])
def test_bytes_that_are_no_utf8_are_named(wrong: bytes, before: int):
    beginning = f'[{X},{" " * before} {{"destinationTable": "'.encode()
    text = refusal(beginning + wrong + b'"}]')
    assert text.startswith(f"the metadata is not UTF-8 at byte {len(beginning)} (0x{wrong[0]:02x}); ")
    assert codes(text) == ["metadata_encoding"]


def test_character_that_is_cut_at_the_end_is_no_utf8():
    assert codes(refusal('[{"destinationTable": "é'.encode()[:-1])) == ["metadata_encoding"]


# Faults of an entry do not end the reading


@pytest.mark.parametrize("entry", ["1", "null", '"destinationTable"', "[]", f"[{X}]", "true", "1.5", '"a, {]"'])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_entry_that_is_no_object_is_named(entry: str, index: int):
    document = "[" + ", ".join([X] * index + [entry, X]) + "]"
    assert refusal(document) == f"entry {index}: it must be an object [entry_not_object]"


@pytest.mark.parametrize(
    "entry",
    [
        "{}",
        '{"destinationtable": "Files"}',
        '{"destinationTable": null}',
        '{"destinationTable": 5}',
        '{"destinationTable": ["Files"]}',
        '{"destinationTable": {"Files": 1}}',
        '{"destinationTable": true}',
    ],
)
def test_entry_without_a_table_is_named(entry: str):
    text = refusal(f"[{X}, {entry}, {X}]")
    assert text == 'entry 1: "destinationTable" must be a text [entry_without_table]'


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ('{"destinationTable": "x", "a": 1, "a": 2}', "a"),
        ('{"destinationTable": "x", "a": 1, "a": 1}', "a"),
        ('{"destinationTable": "x", "destinationTable": "Files"}', "destinationTable"),
        (r'{"destinationTable": "x", "size": 1, "si\u007ae": 2}', "size"),
        ('{"destinationTable": "x", "value": [{"deep": {"b": 1, "c": 2, "b": 3}}]}', "b"),
        ('{"destinationTable": "x", "": 1, "": 2}', ""),
    ],
)
def test_repeated_key_is_named(entry: str, key: str):
    assert refusal(f"[{X}, {entry}]") == f"entry 1: the key {key!r} is repeated [key_twice]"


def test_keys_that_only_look_alike_are_accepted():
    entry = {"destinationTable": "x", "e\u0301": 1, "\u00e9": 2, "A": 3, "a": 4}
    assert parsed(json.dumps([entry])) == [entry]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_constant_that_is_not_a_number_in_json_is_named(number: str):
    assert refusal(with_value(f"[{number}]")) == f"entry 1: {number} is not a number in JSON [number_not_finite]"


@pytest.mark.parametrize("digits", [f"{2**63}", f"{-(2**63) - 1}", f"{2**64}", "1" + "0" * 400, "-1" + "0" * 5000])
def test_integer_of_more_than_64_bits_is_named(digits: str):
    text = refusal(with_value(digits))
    assert text.startswith(f"entry 1: the number '{digits[:200]}")
    assert codes(text) == ["number_too_large"]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e400", "2" + "0" * 308 + ".0"])
def test_number_beyond_double_precision_is_named(number: str):
    assert codes(refusal(with_value(number))) == ["number_too_large"]


@pytest.mark.parametrize("text", [r"\ud800", r"a\udc00b", r"\udc00\ud800", r"\uD83D", r"\ud83d\u0041", r"a\u0000b"])
@pytest.mark.parametrize("entry", ['{{"destinationTable": "{}"}}', '{{"destinationTable": "x", "a": [{{"{}": 1}}]}}'])
def test_text_that_cannot_be_stored_is_named(text: str, entry: str):
    refused = refusal(f"[{X}, {entry.format(text)}]")
    assert refused.endswith(" contains NUL or half of a surrogate pair [text_unstorable]")


def test_escapes_of_a_pair_are_one_character():
    assert parsed(with_value(r'"\ud83d\ude00 \\ud800"'))[1]["value"] == "\U0001f600 \\ud800"


def nested(depth: int) -> str:
    """Return a document with this many levels: its list, its entry, and the lists in the entry."""
    return f'[{{"destinationTable": "x", "value": {"[" * (depth - 2)}{"]" * (depth - 2)}}}]'


def test_document_may_be_as_deep_as_the_limit():
    assert json.dumps(parsed(nested(MAX_LEVELS))) == nested(MAX_LEVELS)


@pytest.mark.parametrize("depth", [MAX_LEVELS + 1, 900, 1100, 100_000])
@pytest.mark.parametrize("closed", [True, False])
def test_document_that_is_deeper_is_refused(depth: int, closed: bool):
    document = nested(depth) if closed else nested(depth).rstrip("]}")
    assert codes(refusal(document))[0] in ({"entry_too_deep"} if closed or depth > 1000 else {"metadata_cut"})


def test_all_faults_are_listed_up_to_a_limit_and_the_others_counted():
    text = "1, ".join(["[", *[f"{X}, "] * 5_000, X + "]"])
    with pytest.raises(InvalidMetadata) as raised:
        parsed(text)
    assert codes(raised.value.text.rpartition(";")[0]) == ["entry_not_object"] * MAX_LISTED
    assert raised.value.text.endswith(f"; and {5_001 - MAX_LISTED} more")


def test_faults_before_the_one_that_ends_the_reading_are_listed():
    text = refusal(f'[5, {{"destinationTable": "x", "a": 1, "a": NaN}}, {{}}, {X}, "cut'.encode() + b"\xff")
    expected = ["entry_not_object", "number_not_finite", "key_twice", "entry_without_table", "metadata_encoding"]
    assert codes(text) == expected


# Length


def entry_of_length(length: int) -> str:
    return '{"destinationTable": "x", "value": "' + "x" * (length - 38) + '"}'


@pytest.mark.parametrize("before", ["", f"{X},\n", f"{X}, " * 20_000])
def test_entry_may_be_as_long_as_the_limit(before: str):
    entry = entry_of_length(LARGEST_ENTRY)
    assert len(entry) == LARGEST_ENTRY
    assert len(parsed(f"[{before}{entry}, {X}]")) == before.count(X) + 2


@pytest.mark.parametrize("length", [LARGEST_ENTRY + 1, 3 * LARGEST_ENTRY])
@pytest.mark.parametrize("before", ["", f"{X}, " * 20_000])
@pytest.mark.parametrize(
    "entry",
    [entry_of_length, lambda length: " " * length + X, lambda length: X + " " * length, lambda length: "9" * length],
)
def test_longer_entry_is_refused(length: int, before: str, entry: Callable[[int], str]):
    assert codes(refusal(f"[{before}{entry(length)}, {X}]")) == ["entry_too_long"]


@pytest.mark.parametrize(
    ("beginning", "unit"),
    [
        (b"", b" "),
        (b"[", b" "),
        (b"[", b"1"),
        (b"[", b"["),
        (b'[{"a": "', b"x"),
        (b'[{"a": "', "\U0001f600".encode()),
        (b'[{"a": 0.', b"1"),
        (b'[{"a": [0', b",[]"),
        (b"[{}]", b" "),
    ],
)
def test_endless_document_is_refused_early_with_little_memory(beginning: bytes, unit: bytes):
    document = Endless(beginning, unit)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMetadata, match="entry_too_"):
            for _ in objects(document, FaultList()):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert document.given < 4 * 4 * LARGEST_ENTRY
    assert peak < 40_000_000


class Endless(io.BytesIO):
    """An endless document."""

    def __init__(self, beginning: bytes, unit: bytes) -> None:
        super().__init__()
        self._left = beginning
        self._unit = unit
        self.given = 0

    def read(self, size: int | None = -1) -> bytes:
        size = size or 0
        content = self._left + self._unit * (size // len(self._unit) + 1)
        self._left = content[size:]
        self.given += size
        return content[:size]
