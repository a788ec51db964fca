"""The documentation of request headers. Used by `api.routes.operations`."""

from typing import Any

# A string of RFC 9651, 3.3.3, without escaped characters.
KEY_PATTERN = r'^"[ !#-\[\]-~]{1,255}"$'


def _header(name: str, description: str, **schema: object) -> dict[str, Any]:
    # Without an example, which the page `/docs` would send with every request.
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


DIGESTS = (
    _header(
        "Repr-Digest",
        "Digests of the whole file (RFC 9530): `sha-256=:<base64>:` or `sha-512=:<base64>:`; other algorithms are ignored. "
        "If the received bytes have another digest, nothing is kept.",
    ),
    _header("Content-Digest", "Digests of the body of this request; otherwise like `Repr-Digest`."),
    _header("Want-Repr-Digest", "`sha-256=1` or `sha-512=1`: the answer has a `Repr-Digest` of the stored bytes."),
)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "A text in double quotes that the client chooses for this upload (draft-ietf-httpapi-idempotency-key-header-07). If the "
    "upload is sent again with the same key, it is answered with the first job.",
    pattern=KEY_PATTERN,
)
