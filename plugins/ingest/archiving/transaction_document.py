"""Write the completed metadata as one JSON document, for policy and for the catalog.

Called by `validate_policy` and `ingest_metadata`. The document is in an unnamed temporary file beside the bundle, not in
memory; the operating system removes it when the process ends, also when it is killed.
"""

import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ingest.bundles.bundle_metadata import completed
from ingest.context import StageContext
from ingest.ledger.files import archived_as, ids_by_path
from ingest.spool import translate_disk_errors
from ingest.system.durable_files import write_all


@contextmanager
def transaction_document(
    context: StageContext, *, for_catalog: bool, with_files: bool = True
) -> Iterator[tuple[BinaryIO, int]]:
    """Open the document, positioned at its start, with its size in bytes; raises SpoolFull, SpoolUnavailable.

    Without files it holds only the entries about the transaction, and is made in a fraction of the time.
    """
    folder = context.settings.volume_path
    with translate_disk_errors(folder):
        # Unbuffered: bytes that a full disk refused would be written again, and fail again, when the file is closed.
        document = cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))  # noqa: SIM115
    with document:
        with translate_disk_errors(folder):
            for block in _blocks(context, for_catalog=for_catalog, with_files=with_files):
                write_all(document, block)
            size = document.tell()
            document.seek(0)
        yield document, size


def _blocks(context: StageContext, *, for_catalog: bool, with_files: bool) -> Iterator[bytes]:
    """Yield the document in blocks of about `transfer_size` bytes."""
    lease, block = context.lease, io.BytesIO()
    with context.open_metadata() as metadata:
        block.write(b"[")
        separator = b""
        for entry in completed(
            metadata,  # type: ignore[arg-type]
            lease.job_id,
            archived_as(lease),
            lambda paths: ids_by_path(lease, paths),
            for_catalog=for_catalog,
            with_files=with_files,
        ):
            block.write(separator + json.dumps(entry).encode())
            separator = b",\n"
            if block.tell() >= context.settings.transfer_size:
                yield block.getvalue()
                block = io.BytesIO()
        block.write(b"]")
    yield block.getvalue()
