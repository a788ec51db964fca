"""Compare the body of a request with the checksum in its headers (tus, extension `checksum`)."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from flask import request

from api.receiving.resumable.errors import ChecksumMismatch, UploadHeaderInvalid
from ingest.spool import Readable

# The names of tus are those of hashlib.
ALGORITHMS = ("sha1", "sha256", "md5")


@dataclass(frozen=True)
class Checksum:
    """An expected checksum: the name of the algorithm, and the digest."""

    algorithm: str
    digest: bytes


class CheckedBody:
    """A body whose end is read only if all of it has the expected checksum."""

    def __init__(self, body: Readable, checksum: Checksum) -> None:
        self._body = body
        self._expected = checksum.digest
        self._hash = hashlib.new(checksum.algorithm, usedforsecurity=False)

    def read(self, size: int, /) -> bytes | bytearray:
        """Return at most `size` bytes; raises ChecksumMismatch at the end, and the errors of the body."""
        block = self._body.read(size)
        self._hash.update(block)
        if not block and self._hash.digest() != self._expected:
            raise ChecksumMismatch("the body does not have the checksum of its Upload-Checksum header; send it again")
        return block


def checksum() -> Checksum | None:
    """Return the checksum that the current request names, if any; raises UploadHeaderInvalid."""
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise UploadHeaderInvalid(f"Upload-Checksum: the algorithm must be one of {', '.join(ALGORITHMS)}")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise UploadHeaderInvalid(f"Upload-Checksum: send {algorithm}, a space, and the digest in base64")
    return Checksum(algorithm, digest)
