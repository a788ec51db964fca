"""Bundles with very many members."""

from collections.abc import Iterator
from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle, InvalidMetadata
from ingest.states.stages import Stage
from tests.corpus.case import Build, Case, Refused
from tools.tar_blocks import END, file, header

MILLION = 1_000_000
QUARTER = MILLION // 4


def many(name: bytes, count: int, kind: bytes = b"0") -> Build:
    """Return a bundle of empty members; `name` has a placeholder for seven digits."""

    def build(path: Path) -> None:
        with path.open("wb") as tar:
            tar.writelines(_headers(name, count, kind))
            tar.write(file("metadata.txt", b"[]") + END)

    return build


def _headers(name: bytes, count: int, kind: bytes) -> Iterator[bytes]:
    """Yield headers that differ in the digits of their names and in their checksums."""
    block = bytearray(header((name % 0).decode(), kind=kind))
    checksum = int(block[148:154], 8) - sum(name % 0)
    for number in range(count):
        shown = name % number
        block[: len(shown)] = shown
        block[148:154] = b"%06o" % (checksum + sum(shown))
        yield bytes(block)


CASES: list[Case] = [
    Refused(
        "a million links",
        many(b"data/%07d", MILLION, kind=b"2"),
        Stage.OPEN_TAR,
        InvalidBundle,
        (FaultCode.MEMBER_IS_LINK,),
        ("member 'data/0000099' is a symbolic link", "; and 999900 more"),
        seconds=120,
    ),
    Refused(
        "a quarter of a million files that the metadata does not list",
        many(b"data/%07d", QUARTER),
        Stage.LOAD_METADATA,
        InvalidMetadata,
        (FaultCode.MEMBER_UNLISTED, FaultCode.METADATA_EMPTY),
        ("member '0000098' is not listed in the metadata", "; and 249901 more"),
        # Each member is written to the ledger. What is kept of each of them in memory, even 64 bytes, exceeds this bound.
        seconds=120,
        mebibytes=16,
    ),
]
