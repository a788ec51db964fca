"""The Merkle tree of RFC 9162 (2.1.1) with SHA-256, computed from a stream of leaves."""

from __future__ import annotations

import hashlib

LEAF, NODE = b"\x00", b"\x01"


class MerkleTree:
    """Adds one leaf after another; keeps one hash for each level of the tree, so that memory is flat."""

    def __init__(self) -> None:
        self.count = 0
        # The roots of complete subtrees, the largest first: one for each 1 in the binary form of `count`.
        self._subtrees: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        node = hashlib.sha256(LEAF + leaf).digest()
        count = self.count
        while count & 1:
            node = _parent(self._subtrees.pop(), node)
            count >>= 1
        self._subtrees.append(node)
        self.count += 1

    def root(self) -> bytes:
        """Return the root of the leaves so far."""
        if not self._subtrees:
            return hashlib.sha256(b"").digest()
        node = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            node = _parent(left, node)
        return node


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()
