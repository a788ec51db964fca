"""Strategies for metadata and move documents, valid and corrupted."""

import json
import string
from random import Random
from typing import Any

from hypothesis import strategies as st

from ingest.bundles.metadata_entries import EARLIEST, HASH_LENGTHS, LATEST
from tools.bundles import Entry

# Any Unicode that PostgreSQL can hold.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
other_entries = st.builds(
    lambda table, rest: {**rest, "destinationTable": table}, texts, st.dictionaries(texts, values, max_size=4)
)
names = st.text(
    st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12
)
plain_names = names.filter(lambda name: name not in (".", ".."))


@st.composite
def file_entries(draw: st.DrawFn) -> Entry:
    """Return a valid entry of a file."""
    hash_type = draw(st.sampled_from(sorted(HASH_LENGTHS)))
    length = HASH_LENGTHS[hash_type]
    folders = draw(st.lists(plain_names, max_size=3))
    beginning = draw(st.sampled_from(["data/", "data//", "data/./"]))
    return {
        "destinationTable": "Files",
        "name": draw(plain_names),
        "subdir": beginning + "/".join(folders),
        "source": "/" + draw(plain_names),
        "size": draw(st.integers(0, 10**18 - 1)),
        "hashtype": draw(st.sampled_from([hash_type, hash_type.upper()])),
        "hashsum": draw(st.text(string.hexdigits, min_size=length, max_size=length)),
        "mimetype": draw(texts),
        "mtime": draw(texts | st.integers(EARLIEST, LATEST)),
        "x": draw(values),
    }


lists = st.lists(file_entries() | other_entries, min_size=1, max_size=5)


@st.composite
def corrupted_documents(draw: st.DrawFn) -> bytes:
    """Return a document with some bytes changed."""
    document = bytearray(json.dumps(draw(lists), ensure_ascii=draw(st.booleans())).encode())
    random = draw(st.randoms(use_true_random=False))
    for _ in range(draw(st.integers(1, 3))):
        _corrupt(document, random)
    return bytes(document)


CORRUPTIONS = (b'"', b"\\", b"\\ud83d", b"\\u0000", b"{", b"}", b"[", b"]", b",", b":", b"-", b"0", b"e9", b".", b"null",
            b"\x0b", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"/**/", b"NaN", b" ", b"")  # fmt: skip


def _corrupt(document: bytearray, random: Random) -> None:
    place = random.randrange(len(document) + 1)
    document[place : place + random.randrange(4)] = random.choice(CORRUPTIONS)


def encoded(entries: list[Entry], **options: Any) -> bytes:
    """Encode a document as `json.dumps` does."""
    return json.dumps(entries, **options).encode()
