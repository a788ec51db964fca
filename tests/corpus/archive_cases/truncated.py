"""Tars that are truncated at each boundary, and tars with data after their end."""

from ingest.errors.fault_codes import FaultCode
from tests.corpus.archive_cases.builders import GOOD, blocks, refused
from tests.corpus.case import Case
from tools.bundles import make_bundle
from tools.tar_blocks import BLOCK, END, extended, file, header

LONG = file("data/long", b"x" * (2 * BLOCK + 100))
PAX = extended(path="data/renamed", comment="c" * BLOCK)
GNU_NAME = header("././@LongLink", 300, b"L") + b"data/" + b"n" * 295 + bytes(BLOCK - 300)
BEHIND = len(GOOD)
WORDS = "the bundle is truncated"


def cut(name: str, tar: bytes, length: int, says: str = WORDS) -> Case:
    """Return a truncated tar."""
    return refused(f"cut {name}", blocks(tar[:length]), FaultCode.TAR_CUT, says)


CASES: list[Case] = [
    cut("in the first header", GOOD + END, 100, "it ends at byte 100"),
    cut("behind the first header", GOOD + END, BLOCK, "member 'data/one' claims 3 bytes; send the whole tar"),
    cut("in the data of the first member", GOOD + END, BLOCK + 2, "member 'data/one' claims 3 bytes"),
    cut("in the padding", GOOD + END, BLOCK + 100, "member 'data/one' claims 3 bytes"),
    cut("between two members", GOOD + LONG + END, BEHIND, f"it ends at byte {BEHIND}, before its end-of-archive mark"),
    cut("in the second header", GOOD + LONG + END, BEHIND + 511, "it ends at byte 1535"),
    cut("behind the second header", GOOD + LONG + END, BEHIND + BLOCK, "member 'data/long' claims 1124 bytes"),
    cut("in the data at a block", GOOD + LONG + END, BEHIND + 2 * BLOCK, "member 'data/long' claims 1124 bytes"),
    cut(
        "in the data within a block", GOOD + LONG + END, BEHIND + 2 * BLOCK + 9, "member 'data/long' claims 1124 bytes"
    ),
    cut(
        "before the end mark",
        GOOD + LONG + END,
        BEHIND + len(LONG),
        "before its end-of-archive mark; send the whole file",
    ),
    cut("in the end mark", GOOD + LONG + END, BEHIND + len(LONG) + 100, "before its end-of-archive mark"),
    cut("in a PAX header's header", GOOD + PAX + LONG, BEHIND + 10, "it ends at byte 1034"),
    cut("behind a PAX header's header", GOOD + PAX + LONG, BEHIND + BLOCK, "inside the extended header at byte 1024"),
    cut("in a PAX header's records", GOOD + PAX + LONG, BEHIND + BLOCK + 9, "inside the extended header at byte 1024"),
    cut(
        "in a PAX header's padding", GOOD + PAX + LONG, BEHIND + len(PAX) - 1, "inside the extended header at byte 1024"
    ),
    cut("behind a PAX header", GOOD + PAX + LONG, BEHIND + len(PAX), "before its end-of-archive mark"),
    cut("in a GNU long name", GOOD + GNU_NAME + LONG, BEHIND + BLOCK + 9, "inside the extended header at byte 1024"),
    cut("behind a GNU long name", GOOD + GNU_NAME + LONG, BEHIND + len(GNU_NAME), "before its end-of-archive mark"),
    refused("PAX header before the end", blocks(GOOD, PAX, END), FaultCode.EXTENSION_MALFORMED, "no member follows it"),
    refused(
        "GNU long name before the end",
        blocks(GOOD, GNU_NAME, END),
        FaultCode.EXTENSION_MALFORMED,
        "no member follows it",
    ),
    refused(
        "garbage behind the end", blocks(GOOD, END, b"x" * 700), FaultCode.TAR_GOES_ON, "at byte 2048; send one tar"
    ),
    refused(
        "garbage far behind the end",
        blocks(GOOD, END, bytes(3 * 1024**2), b"x"),
        FaultCode.TAR_GOES_ON,
        "at byte 3147776",
    ),
    refused(
        "two tars one behind the other",
        blocks(make_bundle({"data/a": b"a"}) * 2),
        FaultCode.TAR_GOES_ON,
        "at byte 10240",
    ),
]
