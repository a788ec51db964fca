"""Verify the signature of a receipt, and that a list of files is the one that was signed.

docs/reference/receipts.md describes the form of receipts and lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from .merkle import MerkleTree

ALGORITHM = "EdDSA"
TYPE = "receipt+jwt"
VERSION = 1


class InvalidReceipt(Exception):
    """A receipt, a list of files or a set of keys is not what it should be; the text says why."""


@dataclass(frozen=True)
class ReceiptFile:
    """A file that the archive holds, as the receipt names it."""

    path: str
    size: int
    hash_type: str
    hash_sum: str


@dataclass(frozen=True)
class Receipt:
    """The content of a receipt whose signature was verified."""

    claims: Mapping[str, Any]

    @property
    def job_id(self) -> int:
        """The job."""
        return int(self.claims["job"])

    @property
    def count(self) -> int:
        """The number of files."""
        return int(self.claims["files"]["count"])

    @property
    def has_list(self) -> bool:
        """Whether the receipt itself lists its files."""
        return "list" in self.claims["files"]

    def files(self, lines: Iterable[bytes] = ()) -> Iterator[ReceiptFile]:
        """Yield the files; `lines` is the list of a receipt that has only its Merkle root.

        Raises InvalidReceipt, for a wrong list only at its end: use no file before.
        """
        try:
            if self.has_list:
                yield from map(_file, self.claims["files"]["list"])
            else:
                yield from self._listed(lines)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidReceipt(f"an entry of the list of files is malformed: {error}") from error

    def _listed(self, lines: Iterable[bytes]) -> Iterator[ReceiptFile]:
        tree = MerkleTree()
        for line in lines:
            leaf = line.rstrip(b"\n")
            tree.add(leaf)
            yield _file(json.loads(leaf))
        if (tree.count, tree.root().hex()) != (self.count, self.claims["files"]["merkle_root"]):
            raise InvalidReceipt(
                f"the list of files, with {tree.count} of them, is not the one that was signed, with {self.count}; "
                "get the list again"
            )


def verify(text: str, keys: Mapping[str, Any]) -> Receipt:
    """Verify the signature of a receipt with one of the public keys (a JSON Web Key Set); raises InvalidReceipt."""
    try:
        key = _key(text, keys)
        decoded = jwt.PyJWS().decode_complete(text.strip(), key, algorithms=[ALGORITHM])
        claims = json.loads(decoded["payload"])
    except (jwt.PyJWTError, ValueError) as error:
        raise InvalidReceipt(f"the receipt is damaged or forged: {error}") from error
    if decoded["header"].get("typ") != TYPE or not isinstance(claims, dict):
        raise InvalidReceipt("the keys have signed this, but it is no receipt")
    if claims.get("version") != VERSION:
        raise InvalidReceipt(f"the receipt has version {claims.get('version')}; this program knows version {VERSION}")
    return Receipt(claims)


def _key(text: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """Return the key that the receipt names, whatever other keys are in the set."""
    entries = keys.get("keys")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise InvalidReceipt("the keys are no JSON Web Key Set")
    wanted = jwt.get_unverified_header(text.strip()).get("kid")
    for key in entries:
        if wanted is not None and key.get("kid") == wanted and key.get("crv") == "Ed25519":
            return jwt.PyJWK(key, algorithm=ALGORITHM)
    raise InvalidReceipt(f"none of the keys is {wanted}, which signed the receipt; get the service's keys again")


def _file(entry: Mapping[str, Any]) -> ReceiptFile:
    return ReceiptFile(str(entry["path"]), int(entry["size"]), str(entry["hashtype"]), str(entry["hashsum"]))
