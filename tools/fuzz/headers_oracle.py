"""Invariants of any headers of a request on a resumable upload; a violation is an AssertionError.

Called by the fuzz target `headers`. Each reader accepts the headers or refuses them with an error of the request: any other
exception would be answered as 500.
"""

from collections.abc import Callable, Iterator

from flask import Flask, request

from api.receiving.digests import requested_digests
from api.receiving.hashing import ALGORITHMS
from api.receiving.idempotency import LONGEST_KEY, idempotency_key
from api.receiving.resumable.draft import Draft, is_creation
from api.receiving.resumable.headers import Part
from api.receiving.resumable.tus import LARGEST_METADATA, Tus
from api.request_errors import RequestError

APP = Flask(__name__)
# More than PostgreSQL stores, where a header states the number.
LARGEST = 2**63
PARTS: tuple[Callable[[], Part], ...] = (
    Tus().creation, Tus().continuation, Draft().creation, Draft().continuation,
)  # fmt: skip


def check_headers(data: bytes) -> bool:
    """Read lines of headers in all ways; return whether they describe a part."""
    with APP.test_request_context("/uploads", method="PATCH", headers=list(_headers(data))):
        is_creation()
        _check_digests()
        _check_key()
        parts = [_is_part(read) for read in PARTS]
        return any(parts)


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the headers that a server passes on: names of RFC 9110, and values without line breaks."""
    for line in data.decode("latin-1").replace("\r", "").split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.isascii() and name.replace("-", "").isalnum():
            yield name, value.strip(" \t")


def _check_digests() -> None:
    try:
        found = requested_digests(request.headers)
    except RequestError as error:
        _check_refusal(error)
        return
    assert all(len(each.value) == ALGORITHMS[each.algorithm]().digest_size for each in found.declared)
    assert found.wanted in {None, *ALGORITHMS}


def _check_key() -> None:
    try:
        key = idempotency_key(request.headers)
    except RequestError as error:
        _check_refusal(error)
        return
    assert key is None or (key.isascii() and key.isprintable() and 1 <= len(key) <= LONGEST_KEY)


def _is_part(read: Callable[[], Part]) -> bool:
    try:
        part = read()
    except RequestError as error:
        _check_refusal(error)
        return False
    assert 0 <= part.offset < LARGEST
    assert part.length is None or 0 <= part.length < LARGEST
    if part.metadata is not None:
        assert part.metadata == request.headers["Upload-Metadata"].strip()
        assert part.metadata.isascii()
        assert 1 <= len(part.metadata) <= LARGEST_METADATA
    return True


def _check_refusal(error: RequestError) -> None:
    assert 400 <= error.status < 500, f"{error.code} is no error of the request"
    assert error.text.isprintable(), f"{error.text!r} does not fit on a line"
