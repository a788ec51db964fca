"""Unusual metadata that is accepted because existing clients send it."""

import hashlib
import json
from pathlib import Path

from tests.corpus.case import Accepted, Case
from tests.corpus.metadata_cases.builders import CONTENT, bundle_with, document, file_saying, file_with
from tools.bundles import Entry, file_entry, make_bundle, transaction

SHA1 = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"


MANY = 10_000
LONG: Entry = {"destinationTable": "x", "value": "x" * 500_000}


def accepted(name: str, metadata: bytes) -> Case:
    """Return a bundle with one file."""
    return Accepted(f"metadata: {name}", bundle_with(metadata), (CONTENT,))


def japanese(path: Path) -> None:
    """Write a bundle whose names have characters of every length in UTF-8."""
    make_bundle({"data/日本 \U0001f600/名前": b"japanese"}, path=path)


CASES: list[Case] = [
    accepted("size in digits", file_with(size="1")),
    accepted("size with an exponent, as R writes it", file_with().replace(b'"size": 1,', b'"size": 1e+00,')),
    accepted("size with a fraction of zero", file_with(size=1.0)),
    accepted("time with an exponent, as R writes it", file_with(mtime=1.5e9)),
    accepted("hash of SHA-3", file_with(hashtype="sha3_256", hashsum=hashlib.sha3_256(CONTENT).hexdigest())),
    accepted("hash of BLAKE2", file_with(hashtype="blake2b", hashsum=hashlib.blake2b(CONTENT).hexdigest())),
    accepted("hash in upper case with its type", file_with(hashtype="SHA1", hashsum=f"SHA1:{SHA1.upper()}")),
    accepted("folder with two slashes", file_with(subdir="data//")),
    accepted("no folder", file_with(subdir="")),
    accepted("times in seconds", file_with(mtime=1480457345, ctime=0)),
    accepted("keys of its own", file_saying('"query_results": [{"a": null, "b": [1, 2.5]}], "": "", "number": -0.0')),
    accepted("in lines", json.dumps(json.loads(file_with()), indent=8).encode() + b"\r\n"),
    accepted("entry of half a million characters", file_with(value="x" * 500_000)),
    accepted("a hundred long entries", document(*[LONG] * 100, file_entry("data/a", CONTENT))),
    accepted("file before the transaction", json.dumps([file_entry("data/a", CONTENT), *transaction()]).encode()),
    accepted(
        "ten thousand values of the file",
        document(
            file_entry("data/a", CONTENT),
            *(
                {"destinationTable": "FileKeyValue", "path": "data/a", "key": str(number), "value": "v"}
                for number in range(MANY)
            ),
        ),
    ),
    accepted(
        "entries for other tables",
        document({"destinationTable": "Users", "_id": 10}, {"destinationTable": ""}, file_entry("data/a", CONTENT)),
    ),
    accepted(
        "value with line ends", document({"destinationTable": "x", "value": "a\r\n\tb"}, file_entry("data/a", CONTENT))
    ),
    Accepted("metadata: Japanese names", japanese, (b"japanese",)),
]
