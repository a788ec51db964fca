"""Events: the history of a job, and of an upload that never became one.

Called by all modules that write jobs, files or uploads. An event is appended in the transaction that it describes.
"""

from enum import StrEnum

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ingest.ledger.models import Event
from ingest.states.stages import Stage
from ingest.system.sanitize import to_one_line


class EventKind(StrEnum):
    """The kind of an event, as the table `event` stores it; docs/reference/events.md says when each is written."""

    # Receiving
    RECEIVED = "received"
    UPLOAD_REFUSED = "upload_refused"
    UPLOAD_ABANDONED = "upload_abandoned"
    # The run in Airflow
    TRIGGERED = "triggered"
    CLEARED = "cleared"
    RUN_DELETED = "run_deleted"
    # Stages
    STAGE_STARTED = "stage_started"
    STAGE_FINISHED = "stage_finished"
    STAGE_FAILED = "stage_failed"
    STAGE_WILL_BE_RETRIED = "stage_will_be_tried_again"
    # Files
    ENTRIES_LEFT_OUT = "entries_left_out"
    MEMBERS_SKIPPED = "members_skipped"
    FILE_IDS_REPLACED = "file_ids_replaced"
    FILES_REMOVED = "files_removed"
    DARK_FILES_DELETED = "dark_files_deleted"
    SOURCES_REFUSED = "sources_refused"
    SOURCE_KEPT = "source_kept"
    SOURCE_NOT_RESTORED = "source_not_restored"
    # The end of a job
    CATALOGING = "cataloguing"
    CATALOGED = "catalogued"
    REJECTING = "rejecting"
    REJECTED = "rejected"
    CANCELED = "canceled"
    SPOOL_FREED = "spool_freed"
    BUNDLE_REMOVED = "bundle_removed"
    # Admins
    OVERRIDE = "override"
    RETRY = "retry"
    ACQUIRED_BY_ADMIN = "taken_over"
    BUNDLE_REPLACED = "bundle_replaced"


def add_event(
    session: Session,
    job_id: int,
    kind: EventKind,
    stage: Stage | None = None,
    attempt: int | None = None,
    code: str | None = None,
    text: str = "",
) -> None:
    """Append an event in the caller's transaction; its text becomes one line."""
    values = {
        "job_id": job_id,
        "kind": kind,
        "stage": stage,
        "attempt": attempt,
        "code": code,
        "text": to_one_line(text),
    }
    session.execute(insert(Event).values(values))
