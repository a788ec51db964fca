"""Delete a job's bundle from the spool, and the hidden links of a move, once the catalog holds the job.

Called by the stage `ingest_metadata`, and by `ingest.operations.retention` for jobs that still have their bundle.
"""

import logging

from ingest import spool
from ingest.archiving.moves.restore import remove_links
from ingest.context import StageContext
from ingest.errors.types import MoveFolderUnavailable
from ingest.ledger.events import EventKind
from ingest.ledger.models import REMOVED
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)


def free_spool(context: StageContext) -> bool:
    """Delete the bundle and a move's hidden links; return whether they were deleted.

    An error does not fail the job: it is logged, and retention tries again.
    """
    if context.lease.job.received.spool_name == REMOVED:
        return True
    try:
        if context.lease.job.record.kind is Kind.MOVE:
            remove_links(context)
            failpoint("ingest_metadata.links_removed", context.lease.job_id)
        spool.remove(context.spool_path)
    except (OSError, MoveFolderUnavailable) as error:
        logger.warning(
            "job %s: the bundle stays in the spool until retention deletes it: %s", context.lease.job_id, error
        )
        return False
    failpoint("ingest_metadata.unlinked", context.lease.job_id)
    context.lease.event(EventKind.SPOOL_FREED, context.spool_path.name, spool_name=REMOVED)
    return True
