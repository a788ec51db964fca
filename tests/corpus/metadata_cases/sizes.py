"""Very long and very deep documents."""

from ingest.errors.fault_codes import FaultCode
from tests.corpus.case import Case
from tests.corpus.metadata_cases.builders import bundle_with, claiming, file_with, refused

GIGABYTE = 10**9
# No more than this is ever read.
READ = 4 * 1024 * 1024
MILLION = 1_000_000
TOO_LONG, TOO_DEEP = FaultCode.ENTRY_TOO_LONG, FaultCode.ENTRY_TOO_DEEP
FIRST = "entry 0, or the white space next to it, is longer than 524288 characters"


def gigabyte_of(beginning: bytes, unit: bytes, name: str, says: str = FIRST) -> Case:
    """Return a metadata.txt of a gigabyte."""
    build = claiming(GIGABYTE, lambda: beginning + unit * (READ // len(unit)))
    return refused(f"a gigabyte of {name}", build, TOO_LONG, says=says)


CASES: list[Case] = [
    gigabyte_of(b'[{"destinationTable": "', b"x", "one text"),
    gigabyte_of(b'[{"destinationTable": "', "\U0001f600".encode(), "one text in four-byte characters"),
    gigabyte_of(b'[{"destinationTable": "', b"\\u65e5", "one text in escapes"),
    gigabyte_of(b"[", b" ", "white space"),
    gigabyte_of(
        b'[{"destinationTable": "x"}', b"\n", "white space behind an entry", "entry 0, or the white space next to it"
    ),
    gigabyte_of(b"[", b"1", "digits"),
    gigabyte_of(b'[{"destinationTable": "x", "value": 0.', b"1", "decimals"),
    gigabyte_of(b'[{"a": 1', b', "a": 1', "one key"),
    gigabyte_of(b'[{"a": [{}', b",{}", "objects in one entry"),
    gigabyte_of(b'[{"a": [[]', b",[]", "lists in one entry"),
    gigabyte_of(b'[{"a": [[]', b',{"":[]}', "objects of lists in one entry"),
    refused(
        "millions of keys",
        claiming(GIGABYTE, lambda: b'[{"a": 1' + b"".join(b', "%d": 1' % number for number in range(READ // 8))),
        TOO_LONG,
        says=FIRST,
    ),
    refused(
        "a gigabyte of lists in lists",
        claiming(GIGABYTE, lambda: b"[" * READ),
        TOO_DEEP,
        says="entry 0: it is nested more",
    ),
    refused(
        "nested 100,000 deep",
        b"[" * 100_000 + b"]" * 100_000,
        TOO_DEEP,
        says="entry 0: it is nested more than 64 levels deep",
    ),
    refused(
        "nested 65 deep",
        file_with(value=[]).replace(b"[]", b"[" * 63 + b"]" * 63),
        TOO_DEEP,
        FaultCode.MEMBER_UNLISTED,
        says="entry 4: it is nested more than 64 levels deep",
    ),
    refused(
        "a million entries that are none",
        bundle_with(b"[" + b"5," * (MILLION - 1) + b"5]"),
        FaultCode.ENTRY_NOT_OBJECT,
        says=("entry 99: it must be an object", "; and 999901 more"),
        seconds=90,
    ),
]
