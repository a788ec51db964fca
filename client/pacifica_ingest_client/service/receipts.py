"""Download receipts, the lists of their files, and the keys that verify them."""

from __future__ import annotations

from pathlib import Path

from pacifica_ingest_client.errors import RequestRefused, ServiceUnavailable
from pacifica_ingest_client.service.connection import Connection

KEYS = "/.well-known/jwks.json"
NOT_AVAILABLE = "receipt_not_available"
CONFLICT = 409


def receipt_address(job_id: int) -> str:
    """Return the path of a job's receipt."""
    return f"/jobs/{job_id}/receipt"


def list_address(job_id: int) -> str:
    """Return the path of the list beside a job's receipt."""
    return f"{receipt_address(job_id)}/files"


def download(connection: Connection, address: str, path: Path) -> None:
    """Save an answer in a file, complete or not at all; raises ServiceUnavailable, RequestRefused, OSError."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        with temporary.open("wb") as file:
            for block in connection.download(address):
                file.write(block)
        temporary.replace(path)
    except ServiceUnavailable as error:
        if error.code == NOT_AVAILABLE:
            # Another attempt would not change it: the job is not cataloged.
            raise RequestRefused(error.text, CONFLICT, error.code) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
