"""Receipts of folders, signed as the service signs them."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from ingest.receipts import content
from ingest.receipts.content import CatalogedJob, file_line, merkle_root, sign, to_json
from ingest.receipts.keys import create_key, read_keys

MOMENT = datetime(2026, 11, 30, 12, 0, 0, 250000, UTC)
JOB = 17
HASH_TYPE = "sha256"


def save_receipt(
    path: Path, contents: Mapping[str, bytes], *, listed: bool = True, job_id: int = JOB, hash_type: str = HASH_TYPE
) -> None:
    """Write the receipt of these files, with keys and list beside it, as the client saves them."""
    create_key(path.parent / "keys")
    keys = read_keys(path.parent / "keys")
    assert keys.signing is not None
    lines = [
        file_line(name, len(each), hash_type, hashlib.new(hash_type, each).hexdigest(), 100 + number)
        for number, (name, each) in enumerate(contents.items())
    ]
    size = sum(map(len, contents.values()))
    job = CatalogedJob(job_id, "ingest", "ada", MOMENT, MOMENT, 10240, None, len(contents), size)
    files = f"[{','.join(lines)}]" if listed else to_json(merkle_root(lines))
    with patch.object(content, "MAX_LISTED", len(contents) if listed else 0):
        path.write_text(sign(job, files, keys.signing) + "\n")
    path.with_name(f"{path.name}.jwks").write_text(json.dumps(keys.public))
    if not listed:
        path.with_name(f"{path.name}.files").write_text("".join(f"{line}\n" for line in lines))
