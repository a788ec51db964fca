"""Digests of a body (RFC 9530): the headers that declare or request them, and their comparison with what was received.

Called by `api.routes.bundles`. `Repr-Digest` covers a whole bundle, `Content-Digest` the body of one request. Algorithms
other than sha-256 and sha-512 are ignored. `api.receiving.hashing` computes the digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import http_sf
from http_sf import StructuredFieldError
from werkzeug.datastructures import Headers

from api.receiving.hashing import ALGORITHMS, Digests
from api.receiving.upload_errors import DigestInvalid, DigestMismatch

REPR_DIGEST = "Repr-Digest"
CONTENT_DIGEST = "Content-Digest"
WANT_REPR_DIGEST = "Want-Repr-Digest"
LARGEST_PREFERENCE = 10


@dataclass(frozen=True)
class DeclaredDigest:
    """A digest that a header of the request declares."""

    header: str
    algorithm: str
    value: bytes


@dataclass(frozen=True)
class RequestedDigests:
    """The digests that a request declares, and the algorithm of the one that its answer returns."""

    declared: tuple[DeclaredDigest, ...] = ()
    wanted: str | None = None

    @property
    def algorithms(self) -> frozenset[str]:
        """The algorithms whose digests are needed; none without a header."""
        wanted = frozenset[str]() if self.wanted is None else frozenset({self.wanted})
        return wanted.union(each.algorithm for each in self.declared)

    def verify(self, found: Digests) -> None:
        """Compare what was received; `found` has a digest for each of the algorithms. Raises DigestMismatch."""
        for declared in self.declared:
            if found[declared.algorithm] != declared.value:
                raise DigestMismatch(
                    f"the received bytes have the digest {to_field(declared.algorithm, found)}, not the one that "
                    f"{declared.header} declares; send it again"
                )

    def answer_headers(self, found: Digests) -> dict[str, str]:
        """Return the headers for the answer to a request whose body was kept."""
        return {} if self.wanted is None else {REPR_DIGEST: to_field(self.wanted, found)}


def requested_digests(headers: Headers) -> RequestedDigests:
    """Read the headers of a request whose body is the whole bundle; raises DigestInvalid."""
    declared = (*declared_digests(headers, REPR_DIGEST), *declared_digests(headers, CONTENT_DIGEST))
    return RequestedDigests(declared, _wanted_algorithm(headers))


def declared_digests(headers: Mapping[str, str] | Headers, header: str) -> tuple[DeclaredDigest, ...]:
    """Return the digests that one header declares, without those of unsupported algorithms; raises DigestInvalid."""
    values = _dictionary(headers, header)
    return tuple(
        DeclaredDigest(header, algorithm, _digest(header, algorithm, values[algorithm]))
        for algorithm in ALGORITHMS
        if algorithm in values
    )


def to_field(algorithm: str, found: Digests) -> str:
    """Return the value of a digest header with one of the digests."""
    return http_sf.ser({algorithm: found[algorithm]})


def _wanted_algorithm(headers: Headers) -> str | None:
    """Return the supported algorithm that the client prefers; raises DigestInvalid."""
    preferences = {
        algorithm: _preference(algorithm, value)
        for algorithm, value in _dictionary(headers, WANT_REPR_DIGEST).items()
        if algorithm in ALGORITHMS
    }
    best = max(preferences, key=preferences.__getitem__, default=None)
    # 0 means that the client does not accept the algorithm.
    return best if best is not None and preferences[best] > 0 else None


def _dictionary(headers: Mapping[str, str] | Headers, header: str) -> dict[str, object]:
    """Parse a header as a dictionary of structured fields (RFC 9651), without the parameters of its values."""
    text = headers.get(header)
    if text is None:
        return {}
    try:
        # WSGI decodes headers as Latin-1.
        parsed = http_sf.parse(text.encode("latin-1"), tltype="dictionary")
    except (StructuredFieldError, UnicodeEncodeError) as error:
        raise DigestInvalid(f"{header} is malformed: {error}; {_example(header)}") from error
    assert isinstance(parsed, dict)
    return {algorithm: value[0] if isinstance(value, tuple) else value for algorithm, value in parsed.items()}


def _digest(header: str, algorithm: str, value: object) -> bytes:
    size = ALGORITHMS[algorithm]().digest_size
    if not isinstance(value, bytes) or len(value) != size:
        raise DigestInvalid(f"the {algorithm} in {header} is not the base64 of {size} bytes; {_example(header)}")
    return value


def _preference(algorithm: str, value: object) -> int:
    # In Python, a bool is an int too.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_PREFERENCE:
        raise DigestInvalid(
            f"the {algorithm} in {WANT_REPR_DIGEST} is not a preference from 0 to {LARGEST_PREFERENCE}; "
            f"{_example(WANT_REPR_DIGEST)}"
        )
    return value


def _example(header: str) -> str:
    value = "sha-256=1" if header == WANT_REPR_DIGEST else "sha-256=:<base64 of the digest>:"
    return f"send {header}: {value}"
