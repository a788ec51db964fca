"""### Ingest metadata

Sends the transaction with its files to the catalog. When the catalog holds the transaction, the job is complete and its
bundle is removed from the spool.

**Fails here**: the catalog does not accept the transaction, for instance because it does not know a MIME type or a key. The
error says why, and the files are removed from the archive. The uploader sends a fixed bundle. If the catalog is at fault,
somebody fixes it there and an admin clears this task; the files are then sent again.

**An admin** fixes the metadata service when this task waits for it, and the job continues within a minute.
"""

from ingest.archiving.batches import send_files
from ingest.archiving.catalog import is_cataloged, pending_transaction
from ingest.archiving.file_ids import MAX_CLASHES, replace_ids
from ingest.archiving.moves.move import send_sources
from ingest.archiving.rejection import remove
from ingest.archiving.spool_cleanup import free_spool
from ingest.archiving.transaction_document import transaction_document
from ingest.context import StageContext
from ingest.errors.types import CatalogHoldsIds, CatalogRejected, ServiceUnavailable
from ingest.ledger.events import EventKind
from ingest.ledger.files import batches, files_in
from ingest.ledger.models import FileState
from ingest.states.job_record import Outcome
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name


def ingest_metadata(context: StageContext) -> None:
    """Catalog the job and remove its bundle from the spool.

    If the process dies after the PUT, the job is `cataloguing`, and the next process queries the catalog before it sends
    anything. If it dies before the bundle is removed, the job is `catalogued` without a finished stage, and the next process
    removes the bundle. Raises CatalogRejected, CatalogConflict, ServiceUnavailable.
    """
    if not context.lease.job.record.is_cataloged:
        _catalog(context)
    free_spool(context)


def _catalog(context: StageContext) -> None:
    for _ in range(MAX_CLASHES):
        _archive(context)
        context.lease.event(EventKind.CATALOGING, outcome=Outcome.CATALOGING)
        failpoint("ingest_metadata.cataloguing", context.lease.job_id)
        if is_cataloged(context) or _accepted(context):
            failpoint("ingest_metadata.accepted", context.lease.job_id)
            context.lease.event(EventKind.CATALOGED, outcome=Outcome.CATALOGED)
            failpoint("ingest_metadata.catalogued", context.lease.job_id)
            return
    raise ServiceUnavailable("uniqueid", context.settings.uniqueid_url, "it hands out ids in use")


def _archive(context: StageContext) -> None:
    if context.lease.job.record.kind is Kind.MOVE:
        send_sources(context)
    else:
        send_files(context)


def _accepted(context: StageContext) -> bool:
    """Send the transaction; return False if files got new ids, because the catalog holds other files under the old ones."""
    try:
        with (
            transaction_document(context, for_catalog=True) as (document, size),
            pending_transaction(context, size),
        ):
            context.services.metadata.ingest(context.lease.job_id, document, size)
    except (CatalogRejected, ServiceUnavailable) as error:
        # The catalog may hold the transaction: the response was lost, or says that the transaction exists.
        if is_cataloged(context):
            return True
        if isinstance(error, CatalogHoldsIds) and _replace_ids(context, error.ids):
            return False
        if isinstance(error, CatalogRejected) and error.file_id is not None:
            raise _with_file_name(context, error, error.file_id) from error
        raise
    return True


def _with_file_name(context: StageContext, error: CatalogRejected, file_id: int) -> CatalogRejected:
    """Return the error with the path of the file that the catalog names by its id, and the keys that the catalog checks."""
    path = next((file.path for file in files_in(context.lease, FileState.ARCHIVED) if file.file_id == file_id), "")
    return CatalogRejected(f"{error.text}, which is {quote_name(path)}: see its mimetype, hashtype and hashsum")


def _replace_ids(context: StageContext, ids: frozenset[int]) -> bool:
    """Remove the job's files with these ids from the archive and assign new ids; return whether there are any.

    If the process dies in between, the files are pending with old or new ids, and the next process sends them.
    """
    replaced = False
    for batch in batches(file for file in files_in(context.lease, FileState.ARCHIVED) if file.file_id in ids):
        remove(context, batch)
        replace_ids(context, batch, "the catalog holds a file of another job under the id")
        replaced = True
    return replaced
