"""The outbox: the notifications that wait for webhooks, added in the transaction of each event.

Called by `ingest.ledger.events`; `ingest.ledger.deliveries` claims what is due, and records how each try ended.
"""

from sqlalchemy import any_, func, insert, literal, not_, or_, select, true
from sqlalchemy.orm import Session

from ingest.ledger.job_predicates import IS_CANCELED
from ingest.ledger.models import Job, Notification, Webhook
from ingest.ledger.webhooks import IS_ACTIVE
from ingest.states.notifications import NotificationState, NotificationType

WAITING = Notification.state == NotificationState.WAITING
BEFORE_THE_END = frozenset({NotificationType.WAITING, NotificationType.FAILED})


def enqueue(session: Session, event_id: int, job_id: int, kind: NotificationType) -> None:
    """Add a notification for each webhook that subscribed to it, in the transaction of the event."""
    # Without `failure`, the time of the next try is only the end of a lease.
    postponed = select(func.max(Notification.next_try)).where(
        Notification.webhook == Webhook.name, Notification.job_id == job_id, WAITING, Notification.failure.is_not(None)
    )
    next_try = func.greatest(func.now(), postponed.correlate(Webhook).scalar_subquery())
    # The end of a canceled job was notified: how the removal of its files goes on is no news.
    is_news = true() if kind not in BEFORE_THE_END else not_(IS_CANCELED)
    subscribed = (
        select(Webhook.name, literal(event_id), literal(job_id), literal(kind.value), next_try)
        .join(Job, Job.id == job_id)
        .where(
            IS_ACTIVE,
            is_news,
            literal(kind.value) == any_(Webhook.events),
            or_(Webhook.users.is_(None), Job.user == any_(Webhook.users)),
        )
    )
    columns = ["webhook", "event_id", "job_id", "type", "next_try"]
    session.execute(insert(Notification).from_select(columns, subscribed))
