"""Events: the history of a job, and of an upload that never became one.

Called by all modules that write jobs, files or uploads. An event is appended in the transaction that it describes, and
with it the notifications for webhooks.
"""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ingest.ledger import outbox
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.models import Event
from ingest.states.notifications import NotificationType
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
    FILE_IDS_NOT_RISING = "file_ids_not_rising"
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


# The events that webhooks are notified of.
NOTIFICATIONS = {
    EventKind.RECEIVED: NotificationType.RECEIVED,
    EventKind.STAGE_WILL_BE_RETRIED: NotificationType.WAITING,
    EventKind.STAGE_FAILED: NotificationType.FAILED,
    EventKind.CATALOGED: NotificationType.COMPLETED,
    EventKind.CANCELED: NotificationType.CANCELED,
}
# A job waits from the first of these events that says so until another one follows.
WAIT_BOUNDARIES = (
    EventKind.STAGE_WILL_BE_RETRIED,
    EventKind.STAGE_FINISHED,
    EventKind.STAGE_FAILED,
    EventKind.RETRY,
)


INSERT = CompiledStatement(insert(Event).returning(Event.id), ["job_id", "kind", "stage", "attempt", "code", "text"])


def add_event(
    session: Session,
    job_id: int,
    kind: EventKind,
    stage: Stage | None = None,
    attempt: int | None = None,
    code: str | None = None,
    text: str = "",
    notification: NotificationType | None = None,
) -> None:
    """Append an event in the caller's transaction; its text becomes one line.

    Webhooks are notified of it if its kind is one of `NOTIFICATIONS`, or as the argument says.
    """
    values = {"kind": kind, "stage": stage, "attempt": attempt, "code": code, "text": to_one_line(text)}
    event_id = INSERT.execute(session, job_id=job_id, **values).scalar_one()
    notification = notification or NOTIFICATIONS.get(kind)
    if notification is NotificationType.WAITING and _is_waiting(session, job_id, event_id):
        return
    if notification is not None:
        outbox.enqueue(session, event_id, job_id, notification)


def has_event(session: Session, job_id: int, kinds: Collection[EventKind]) -> bool:
    """Return whether a job has an event of one of these kinds."""
    found = select(Event.id).where(Event.job_id == job_id, Event.kind.in_(kinds)).limit(1)
    return session.scalar(found) is not None


def _is_waiting(session: Session, job_id: int, event_id: int) -> bool:
    """Return whether the job was waiting before an event: each further try that fails is not news."""
    before = (
        select(Event.kind)
        .where(Event.job_id == job_id, Event.id < event_id, Event.kind.in_(WAIT_BOUNDARIES))
        .order_by(Event.id.desc())
        .limit(1)
    )
    return session.scalar(before) == EventKind.STAGE_WILL_BE_RETRIED
