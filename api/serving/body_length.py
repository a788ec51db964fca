"""Check that the headers determine the end of the body in exactly one way (RFC 9112, 6).

Called by `api.serving.http_request`; gunicorn refuses the same requests, but without advice.
"""

import re
from collections.abc import Iterable

from api.request_errors import LengthInvalid, UnsupportedCoding

CHUNKED = "chunked"
# Known codings that are not supported. Any other coding is answered as unknown (RFC 9112, 6.1).
OTHER_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate", "compress", "x-compress"})
FIRST_WITH_CHUNKS = (1, 1)
# More digits than any length needs, and fewer than Python refuses to parse.
LENGTH = re.compile("[0-9]{1,100}")
SHOWN_CHARACTERS = 40


def check_length(version: tuple[int, int], headers: Iterable[tuple[str, str]]) -> None:
    """Check the headers, whose names are in capitals; raises LengthInvalid, UnsupportedCoding."""
    lengths, codings = [], []
    for name, value in headers:
        if name == "CONTENT-LENGTH":
            lengths.append(value)
        elif name == "TRANSFER-ENCODING":
            codings += [coding.strip(" \t").lower() for coding in value.split(",")]
    if codings:
        _check_codings(codings)
        _check_chunks(version, beside_length=bool(lengths))
    _check_lengths(lengths)


def _check_codings(codings: list[str]) -> None:
    for coding in codings:
        if coding != CHUNKED and coding not in OTHER_CODINGS:
            raise UnsupportedCoding(f"Transfer-Encoding {coding} is not supported; use chunked")
    if codings.count(CHUNKED) != 1 or codings[-1] != CHUNKED:
        raise LengthInvalid(
            f"Transfer-Encoding is {', '.join(codings)!r}: name chunked once, and last, or send a Content-Length"
        )


def _check_chunks(version: tuple[int, int], *, beside_length: bool) -> None:
    if version < FIRST_WITH_CHUNKS:
        raise LengthInvalid("HTTP before 1.1 has no chunks: use HTTP/1.1 or send a Content-Length")
    if beside_length:
        raise LengthInvalid(
            "Content-Length and Transfer-Encoding: chunked cannot be combined: send one of them "
            "(a client that reads from a pipe sends chunks: do not set a length then)"
        )


def _check_lengths(lengths: list[str]) -> None:
    if len(lengths) > 1:
        raise LengthInvalid("Content-Length was sent more than once: send it once")
    for length in lengths:
        if not LENGTH.fullmatch(length):
            raise LengthInvalid(f"Content-Length is {length[:SHOWN_CHARACTERS]!r}: send the number of bytes in digits")
