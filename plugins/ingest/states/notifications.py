"""The types of notifications that webhooks receive, and the states of a notification in the ledger.

Sent by `ingest.operations.notify`; docs/reference/notifications.md describes them.
"""

from enum import StrEnum


class NotificationType(StrEnum):
    """What happened to a job, as the setting `events` of a webhook names it."""

    RECEIVED = "job.received"
    WAITING = "job.waiting"
    FAILED = "job.failed"
    COMPLETED = "job.completed"
    CANCELED = "job.canceled"


class NotificationState(StrEnum):
    """The state of a notification to one webhook."""

    # It is sent when it is due, after the earlier notifications of its job.
    WAITING = "waiting"
    DELIVERED = "delivered"
    # Every try failed; only a replay sends it again.
    GIVEN_UP = "given_up"
