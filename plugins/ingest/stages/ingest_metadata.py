"""### Ingest metadata

Sends the transaction with its files to the catalogue. When the catalogue holds it, the job is complete and the bundle
leaves the spool.

**Fails here**: what the catalogue does not accept (a mime type, a key that it does not know); the reason is in the text, and
what had been archived is removed. The uploader sends a mended bundle; or, when the catalogue was at fault, somebody mends it
there, an admin clears this task, and the files are sent again.

**An admin** looks after the metadata service when this task waits for it; clear the task when all tries were used up.
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
    """Catalogue the job and free the spool.

    Raises CatalogRejected, CatalogConflict, ServiceUnavailable. A process that dies after the PUT leaves a job that is
    `cataloguing`: the next one asks the catalogue before it sends anything. One that dies before the spool is free leaves a
    job that is catalogued and not finished: the next one frees the spool.
    """
    if context.lease.job.record.outcome is not Outcome.CATALOGED:
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
    """Send the transaction; gives False when files need other ids, because the catalogue has theirs for other files."""
    try:
        with (
            transaction_document(context, for_catalog=True) as (document, size),
            pending_transaction(context, size),
        ):
            context.services.metadata.ingest(context.lease.job_id, document, size)
    except (CatalogRejected, ServiceUnavailable) as error:
        # The transaction may be there although the answer was lost, or was that it is there already.
        if is_cataloged(context):
            return True
        if isinstance(error, CatalogHoldsIds) and _replaced(context, error.ids):
            return False
        if isinstance(error, CatalogRejected) and error.file_id is not None:
            raise _naming_the_file(context, error, error.file_id) from error
        raise
    return True


def _naming_the_file(context: StageContext, error: CatalogRejected, file_id: int) -> CatalogRejected:
    """Name the file that the catalogue knows by its id only, and what the real one checks of a file."""
    path = next((file.path for file in files_in(context.lease, FileState.ARCHIVED) if file.file_id == file_id), "")
    return CatalogRejected(f"{error.text}, which is {quote_name(path)}: see its mimetype, hashtype and hashsum")


def _replaced(context: StageContext, ids: frozenset[int]) -> bool:
    """Take the job's files with these ids out of the archive and give them new ones; gives whether there are any.

    A process that dies in between leaves files that are pending, with old or new ids, and the next one sends them.
    """
    replaced = False
    for batch in batches(file for file in files_in(context.lease, FileState.ARCHIVED) if file.file_id in ids):
        remove(context, batch)
        replace_ids(context, batch, "the catalogue holds what is not this job's")
        replaced = True
    return replaced
