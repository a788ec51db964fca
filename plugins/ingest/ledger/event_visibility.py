"""What uploaders may see of the events of their jobs. Called by `api.routes.job_contents` and `ingest.pages`."""

from ingest.errors.base import RUN_LOST, RUN_MARKED_FAILED
from ingest.ledger.events import EventKind

# Their texts show what the uploader may not see: other paths of the facility.
FOR_OPERATORS = frozenset({EventKind.SOURCES_REFUSED, EventKind.SOURCE_NOT_RESTORED})
# The texts of these events, and of events with these codes, name accounts of admins and of Airflow.
TEXT_FOR_OPERATORS = frozenset({EventKind.CANCELED, EventKind.RUN_DELETED, EventKind.BUNDLE_REPLACED})
CODES_FOR_OPERATORS = frozenset({RUN_LOST, RUN_MARKED_FAILED})
FOR_UPLOADERS = frozenset(EventKind) - FOR_OPERATORS


def is_text_for_operators(kind: str, code: str | None) -> bool:
    """Return whether the text of an event is hidden from uploaders."""
    return kind in TEXT_FOR_OPERATORS or code in CODES_FOR_OPERATORS
