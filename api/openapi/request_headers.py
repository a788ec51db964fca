"""The documentation of request headers. Used by `api.routes.operations`."""

from typing import Any


def _header(name: str, description: str) -> dict[str, Any]:
    # Without an example, which the page `/docs` would send with every request.
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


DIGESTS = (
    _header(
        "Repr-Digest",
        "Digests of the whole file (RFC 9530): `sha-256=:<base64>:` or `sha-512=:<base64>:`; other algorithms are ignored. "
        "If the received bytes have another digest, nothing is kept.",
    ),
    _header("Content-Digest", "Digests of the body of this request; otherwise like `Repr-Digest`."),
    _header("Want-Repr-Digest", "`sha-256=1` or `sha-512=1`: the answer has a `Repr-Digest` of the stored bytes."),
)
