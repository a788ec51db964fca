"""Verifies receipts with another library than the one that signs them, and by the documented form alone."""

import hashlib
import json
from typing import Any, cast

from joserfc import jws
from joserfc.jwk import KeySet, KeySetSerialization

ALGORITHMS = ["EdDSA"]


def claims_of(receipt: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return what a receipt says; raises an error of joserfc if the signature is wrong."""
    registry = jws.JWSRegistry(algorithms=ALGORITHMS)
    verified = jws.deserialize_compact(
        receipt.strip(), KeySet.import_key_set(cast(KeySetSerialization, keys)), registry=registry
    )
    return dict(json.loads(verified.payload))


def merkle_tree_hash(leaves: list[bytes]) -> bytes:
    """Return the root by the recursive definition of RFC 9162, 2.1.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + merkle_tree_hash(leaves[:split]) + merkle_tree_hash(leaves[split:])).digest()
