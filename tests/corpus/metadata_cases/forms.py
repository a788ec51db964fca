"""Documents that are not a JSON list of objects."""

import json
import tarfile
from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from tests.corpus.case import Case
from tests.corpus.metadata_cases.builders import bundle_with, file_with, refused
from tools.bundles import make_tar
from tools.tar_blocks import END, file, header

GOOD = file_with()
TEXT = GOOD.decode()
ENTRY = '{"destinationTable": "x"}'

NOT_LIST, NOT_JSON, CUT = FaultCode.METADATA_NOT_LIST, FaultCode.METADATA_NOT_JSON, FaultCode.METADATA_CUT
NOT_OBJECT, TABLE, UTF8 = FaultCode.ENTRY_NOT_OBJECT, FaultCode.ENTRY_WITHOUT_TABLE, FaultCode.METADATA_ENCODING
UNLISTED = FaultCode.MEMBER_UNLISTED
LIST = "the metadata must be a JSON list of objects"
MARK = "begins with a byte order mark; save it as UTF-8 without one"


def in_a_folder(path: Path) -> None:
    """Write a bundle whose metadata.txt is below data/."""
    make_tar({"data/a": b"a", "data/metadata.txt": GOOD}, path)


def a_folder(path: Path) -> None:
    """Write a bundle with a folder instead of the metadata."""
    path.write_bytes(file("data/a", b"a") + header("metadata.txt/", kind=tarfile.DIRTYPE) + END)


CASES: list[Case] = [
    refused("is missing", bundle_with(None), FaultCode.METADATA_MISSING, says="the bundle has no metadata.txt"),
    refused("is a folder", a_folder, FaultCode.METADATA_MISSING, says="the bundle has no metadata.txt"),
    refused(
        "is in a folder",
        in_a_folder,
        FaultCode.METADATA_MISSING,
        says="the bundle has no metadata.txt",
    ),
    refused("has no bytes", b"", NOT_LIST, says=LIST),
    refused("is white space", b" \n\t ", NOT_LIST, says=LIST),
    refused("is no JSON", b"a: 1\nb: 2\n", NOT_LIST, says=LIST),
    refused("is an object", b'{"destinationTable": "Files"}', NOT_LIST, says=LIST),
    refused("is a text", json.dumps(TEXT).encode(), NOT_LIST, says=LIST),
    refused("is a number", b"5", NOT_LIST, says=LIST),
    refused("is zeros", bytes(100), UTF8, says="looks like utf-32-be; save it as UTF-8"),
    refused("is an empty list", b"[]", FaultCode.METADATA_EMPTY, UNLISTED, says="the metadata is an empty list"),
    refused("has a byte order mark", b"\xef\xbb\xbf" + GOOD, FaultCode.METADATA_HAS_MARK, says=MARK),
    refused("is UTF-16", TEXT.encode("utf-16"), UTF8, says="looks like utf-16; save it as UTF-8"),
    refused("is UTF-16 without a mark", TEXT.encode("utf-16-be"), UTF8, says="looks like utf-16-be; save it as UTF-8"),
    refused("is UTF-32", TEXT.encode("utf-32-le"), UTF8, says="looks like utf-32-le; save it as UTF-8"),
    refused(
        "is Latin-1",
        '[{"destinationTable": "Mötley"}]'.encode("latin-1"),
        UTF8,
        says="not UTF-8 at byte 24 (0xf6); save it",
    ),
    refused("is overlong UTF-8", b'[{"destinationTable": "\xc0\xaf"}]', UTF8, says="not UTF-8 at byte 23 (0xc0)"),
    refused("is cut in an entry", GOOD[:-30], CUT, says="the metadata is truncated: it ends in entry 4"),
    refused("is cut behind an entry", GOOD[:-1], CUT, says="the metadata is truncated: it ends in entry 4"),
    refused("is cut behind its first byte", b"[", CUT, says="the metadata is truncated: it ends in entry 0"),
    refused("goes on behind the list", GOOD + b"\nnot this", FaultCode.METADATA_GOES_ON, says="data follows the list"),
    refused("is two lists", GOOD + GOOD, FaultCode.METADATA_GOES_ON, says="data follows the list of the metadata"),
    refused("has a comma too many", GOOD[:-1] + b",]", NOT_JSON, says="in or after entry 5, at character"),
    refused("has single quotes", b"[{'destinationTable': 'x'}]", NOT_JSON, says="entry 0, at character 2: "),
    refused("has comments", f"[{ENTRY}, // mine\n{ENTRY}]".encode(), NOT_JSON, says="entry 1, at character 28: "),
    refused("has a raw line end in a text", b'[{"destinationTable": "a\nb"}]', NOT_JSON, says="control character"),
    refused(
        "has lists as entries",
        f"[{ENTRY}, [{ENTRY}]]".encode(),
        NOT_OBJECT,
        UNLISTED,
        says="entry 1: it must be an object",
    ),
    refused("has numbers as entries", b"[1, 2.5]", NOT_OBJECT, UNLISTED, says=("entry 0: it must", "entry 1: it must")),
    refused(
        "has null as an entry", f"[null, {ENTRY}]".encode(), NOT_OBJECT, UNLISTED, says="entry 0: it must be an object"
    ),
    refused(
        "has an empty object",
        f"[{ENTRY}, {{}}]".encode(),
        TABLE,
        UNLISTED,
        says='entry 1: "destinationTable" must be a text',
    ),
    refused(
        "names a table by a number", b'[{"destinationTable": 5}]', TABLE, UNLISTED, says='entry 0: "destinationTable"'
    ),
    refused(
        "names a list of tables",
        b'[{"destinationTable": ["Files"]}]',
        TABLE,
        UNLISTED,
        says='entry 0: "destinationTable"',
    ),
]
