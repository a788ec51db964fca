"""End the process of a stage whose job was canceled, if the stage does not notice that by itself.

Called by `run_stage`. A stage that makes progress checks the fence every second. But it may also wait for minutes: for the
answer of a service, for the database, for a disk. Ending its process then is as safe as a kill, which every stage survives.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger.lease import JobLease

logger = logging.getLogger(__name__)

# Together with a query of the ledger less than the two seconds within which a canceled stage stops.
CHECK_SECONDS = 0.5
GRACE_SECONDS = 1.0
EXIT_STATUS = 1


@contextmanager
def end_when_canceled(lease: JobLease) -> Iterator[None]:
    """End this process if the job is canceled during the `with` block and the block does not end by itself."""
    ended = threading.Event()
    threading.Thread(target=_watch, args=(lease, ended), name="end when canceled", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _watch(lease: JobLease, ended: threading.Event) -> None:
    while not ended.wait(CHECK_SECONDS):
        if _is_canceled(lease) and not ended.wait(GRACE_SECONDS):
            logger.warning("job %d was canceled: the stage %s ends in the middle of a wait", lease.job_id, lease.stage)
            os._exit(EXIT_STATUS)


def _is_canceled(lease: JobLease) -> bool:
    with suppress(DatabaseUnavailable):
        return lease.is_canceled()
    return False
