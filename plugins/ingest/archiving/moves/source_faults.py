"""What is wrong with the sources of a move: what its uploader may learn of it, and what operators see.

Used by `ingest.archiving.moves.move`. A document names any path, size and hash that its sender likes. If the state said
which of them is wrong, a user could find out by trying what exists in folders that this user cannot read, and finally
take it. So where there are several users, all that was found on the disk becomes one and the same sentence; what it was
is in an event of the job (`pacifica-ingest-cmd show`) and in the task's log.
"""

import logging

from ingest.archiving.moves.permissions import hides_findings
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import MAX_LISTED, FaultList
from ingest.errors.types import InvalidSource
from ingest.ledger.events import EventKind
from ingest.ledger.files import LedgerFile
from ingest.system.sanitize import quote_name

logger = logging.getLogger(__name__)

# What follows from the document and the settings alone, or happened after size and hash were found to be right.
HARMLESS = frozenset({FaultCode.SOURCE_NOT_ALLOWED, FaultCode.SOURCE_CHANGED})


class SourceFaults:
    """The faults that were found so far."""

    def __init__(self, context: StageContext) -> None:
        self._context = context
        self._hides = hides_findings(context.settings)
        self._shown = FaultList()
        self._hidden: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._shown)

    def take(self, file: LedgerFile, error: InvalidSource) -> None:
        """Add what is wrong with a source."""
        if not self._hides or error.fault in HARMLESS:
            self._shown.take(error)
            return
        self._shown.add(
            FaultCode.SOURCE_REFUSED,
            f"at {quote_name(file.source)} lies no file that may be moved and has the size and the {file.hash_type} that "
            "the metadata declares",
        )
        logger.warning("job %d: %s", self._context.lease.job_id, error.text)
        if len(self._hidden) < MAX_LISTED:
            self._hidden.append(error.text)

    def raise_all(self) -> None:
        """Raise InvalidSource with all faults, after what is hidden of them is an event; do nothing when there are none."""
        if self._hidden:
            self._context.lease.event(EventKind.SOURCES_REFUSED, "; ".join(self._hidden))
        self._shown.raise_as(InvalidSource)
