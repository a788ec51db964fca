"""Whether the headers say in exactly one way where the body of a request ends (RFC 9112, 6).

Called by `api.serving.http_request`; gunicorn refuses the same requests, but does not say what to do.
"""

import re
from collections.abc import Iterable

from api.request_errors import LengthInvalid, UnsupportedCoding

CHUNKED = "chunked"
# Codings that are known, and taken nowhere; any other is answered as unknown (RFC 9112, 6.1).
OTHER_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate", "compress", "x-compress"})
FIRST_WITH_CHUNKS = (1, 1)
# Far more than any file has; numbers of thousands of digits are not even read by Python.
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
            raise UnsupportedCoding(f"Transfer-Encoding {coding} is not taken, only chunked")
    if codings.count(CHUNKED) != 1 or codings[-1] != CHUNKED:
        raise LengthInvalid(
            f"Transfer-Encoding is {', '.join(codings)!r}: say chunked once, and last, or send a Content-Length instead"
        )


def _check_chunks(version: tuple[int, int], *, beside_length: bool) -> None:
    if version < FIRST_WITH_CHUNKS:
        raise LengthInvalid("there are no chunks before HTTP/1.1: use HTTP/1.1 or send a Content-Length")
    if beside_length:
        raise LengthInvalid(
            "Content-Length and Transfer-Encoding: chunked cannot be combined: send one of them "
            "(a client that reads from a pipe sends chunks: do not set a length there)"
        )


def _check_lengths(lengths: list[str]) -> None:
    if len(lengths) > 1:
        raise LengthInvalid("there is more than one Content-Length: send it once")
    for length in lengths:
        if not LENGTH.fullmatch(length):
            raise LengthInvalid(f"Content-Length is {length[:SHOWN_CHARACTERS]!r}: send the number of bytes in digits")
