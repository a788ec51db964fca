"""Write the content of a receipt and sign it; docs/reference/receipts.md describes every field.

Called by `api.routes.receipts`. The same job and key always make the same receipt: nothing depends on the time of the call,
and Ed25519 signatures are deterministic (RFC 8032).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from ingest.receipts.keys import SigningKey
from ingest.receipts.merkle import MerkleTree
from ingest.receipts.receipt import ALGORITHM, TYPE, VERSION

# A receipt lists up to this many files; for more it has their Merkle root.
MAX_LISTED = 10_000
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class CatalogedJob:
    """The facts about a cataloged job, except its files one by one.

    - `size`, `sha256`: of the bundle or the move document; the digest is None where the service does not know it.
    - `files`, `file_bytes`: the number of files, and the sum of their sizes.
    """

    job_id: int
    kind: str
    user: str
    received: datetime
    cataloged: datetime
    size: int
    sha256: bytes | None
    files: int
    file_bytes: int

    @property
    def is_listed(self) -> bool:
        """Whether the receipt lists the files."""
        return self.files <= MAX_LISTED


def file_line(path: str, size: int, hash_type: str, hash_sum: str, file_id: int) -> str:
    """Return the JSON of a file: an entry in a receipt, a line of the list beside it, and a leaf of the Merkle tree."""
    return to_json({"path": path, "size": size, "hashtype": hash_type, "hashsum": hash_sum, "id": file_id})


def merkle_root(lines: Iterable[str]) -> str:
    """Return the root of the tree over a list of files, in hexadecimal."""
    tree = MerkleTree()
    for line in lines:
        tree.add(line.encode())
    return tree.root().hex()


def sign(job: CatalogedJob, files: str, key: SigningKey) -> str:
    """Return the receipt as a compact JWS; `files` is the JSON of its list, or of the Merkle root."""
    name = "list" if job.is_listed else "merkle_root"
    digest = {} if job.sha256 is None else {"sha256": job.sha256.hex()}
    head = {
        "version": VERSION,
        "iat": int(job.cataloged.timestamp()),
        "job": job.job_id,
        "transaction": job.job_id,
        "kind": job.kind,
        "user": job.user,
        "received": _time(job.received),
        "cataloged": _time(job.cataloged),
        "upload": {"size": job.size, **digest},
    }
    counts = f'"count":{job.files},"bytes":{job.file_bytes}'
    # The list is long, and each of its entries is JSON already.
    payload = f'{to_json(head)[:-1]},"files":{{{counts},"{name}":{files}}}}}'
    return jwt.PyJWS().encode(payload.encode(), key.private, ALGORITHM, {"typ": TYPE, "kid": key.kid})


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
