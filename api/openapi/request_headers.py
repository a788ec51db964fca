"""The documentation of request headers. Used by `api.routes.operations`."""

from typing import Any

# A text in the form of RFC 9651, 3.3.3.
KEY_PATTERN = r'^"([ !#-\[\]-~]|\\["\\]){1,255}"$'


def _header(name: str, description: str, pattern: str | None = None) -> dict[str, Any]:
    # Without an example, which the page `/docs` would send with every request.
    schema = {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "description": description, "schema": schema}


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
    KEY_PATTERN,
)
