"""The completed metadata as one JSON document, for policy and for the catalogue.

Called by `validate_policy` and `ingest_metadata`. The document lies in an unnamed temporary file beside the bundle, not in
memory; the system removes it when the process ends, however it ends.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ingest.bundle_metadata import completed
from ingest.context import StageContext
from ingest.files import archived_as


@contextmanager
def transaction_document(context: StageContext, *, for_catalogue: bool) -> Iterator[tuple[BinaryIO, int]]:
    """Give the document, positioned at its start, and its size in bytes."""
    ledger = context.ledger
    with tempfile.TemporaryFile(dir=context.settings.volume_path) as document, context.open_metadata() as metadata:
        separator = b"["
        for entry in completed(metadata, ledger.job_id, archived_as(ledger), for_catalogue=for_catalogue):  # type: ignore[arg-type]
            document.write(separator + json.dumps(entry).encode())
            separator = b",\n"
        document.write(b"]")
        size = document.tell()
        document.seek(0)
        yield document, size
