"""Collects the faults of the sources of a move, and hides the findings that uploaders must not learn.

Used by `move`. A move document can name any path, size and hash. If the job's state named the wrong value, a user could find
out by trial which files exist in other users' folders, and finally move them. So with authentication every finding on the
disk becomes the same sentence; the finding itself is in an event of the job (`pacifica-ingest-cmd show`) and in the log of
the task.
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

# Faults that follow from the document and the settings alone, or that occur after size and hash were verified.
HARMLESS = frozenset({FaultCode.SOURCE_NOT_ALLOWED, FaultCode.SOURCE_CHANGED})


class SourceFaults:
    """The faults found so far."""

    def __init__(self, context: StageContext) -> None:
        self._context = context
        self._hides = hides_findings(context.settings)
        self._shown = FaultList()
        self._hidden: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._shown)

    def take(self, file: LedgerFile, error: InvalidSource) -> None:
        """Add the fault of a source."""
        if not self._hides or error.fault in HARMLESS:
            self._shown.take(error)
            return
        self._shown.add(
            FaultCode.SOURCE_REFUSED,
            f"{quote_name(file.source)} is not a file that may be moved and has the size and the {file.hash_type} that "
            "the metadata declares",
        )
        logger.warning("job %d: %s", self._context.lease.job_id, error.text)
        if len(self._hidden) < MAX_LISTED:
            self._hidden.append(error.text)

    def raise_all(self) -> None:
        """Raise InvalidSource if there are faults, after recording the hidden findings as an event."""
        if self._hidden:
            self._context.lease.event(EventKind.SOURCES_REFUSED, "; ".join(self._hidden))
        self._shown.raise_as(InvalidSource)
