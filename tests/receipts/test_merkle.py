"""The streamed Merkle tree against the recursive definition of RFC 9162, and against known hashes."""

import pytest

from ingest.receipts.merkle import MerkleTree
from tests.receipts.verifier import merkle_tree_hash

# The test vectors of certificate-transparency-go (RFC 6962), whose leaves these are.
KNOWN = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
ROOT_OF_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def root(leaves: list[bytes]) -> bytes:
    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


@pytest.mark.parametrize("count", [*range(20), 31, 32, 33, 1000])
def test_the_root_is_that_of_the_recursive_definition(count: int) -> None:
    leaves = [str(number).encode() for number in range(count)]
    assert root(leaves) == merkle_tree_hash(leaves)


def test_the_root_of_known_leaves() -> None:
    assert root(KNOWN).hex() == ROOT_OF_8
