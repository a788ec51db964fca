"""The answers about receipts, for the OpenAPI document. Used by `api.routes.operations`.

`ingest.receipts` makes the answers; tests compare them with these types.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.openapi.schemas import answer

KEY = {
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "use": "sig",
    "alg": "EdDSA",
}
TEXT = "eyJhbGciOiJFZERTQSJ9.eyJ2ZXJzaW9uIjoxLCJqb2IiOjE3fQ.c2lnbmF0dXJl\n"
LINE = (
    '{"path":"run-17/a.txt","size":4,"hashtype":"sha1","hashsum":"f417953edd48e20f956b693751249f7dcdf04429","id":100}\n'
)
RECEIPT: dict[str, Any] = {
    "description": "The receipt.",
    "content": {
        "application/jose": {"schema": {"type": "string", "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+\n$"}, "example": TEXT}
    },
}
RECEIPT_FILES: dict[str, Any] = {
    "description": "The files, in the order of the metadata.",
    "content": {"application/x-ndjson": {"schema": {"type": "string"}, "example": LINE}},
}


class ReceiptKey(BaseModel):
    """A public key (RFC 8037)."""

    model_config = ConfigDict(extra="forbid")

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str = Field(description="The key.")
    kid: str = Field(description="The id of the key, its thumbprint (RFC 7638). The header of a receipt names it.")
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class ReceiptKeys(BaseModel):
    """The public keys of receipts."""

    model_config = answer("The keys; none if the service signs no receipts.", {"keys": [KEY]})

    keys: list[ReceiptKey]
