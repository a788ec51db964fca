"""The outbox: the notifications that wait for webhooks, added in the transaction of each event.

Called by `ingest.ledger.events`; `ingest.ledger.deliveries` claims what is due, and records how each try ended.
"""

from sqlalchemy import BigInteger, ColumnElement, Text, any_, bindparam, func, insert, not_, or_, select, true
from sqlalchemy.orm import Session

from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.job_predicates import IS_CANCELED
from ingest.ledger.models import Job, Notification, Webhook
from ingest.ledger.webhooks import IS_ACTIVE
from ingest.states.notifications import NotificationState, NotificationType

WAITING = Notification.state == NotificationState.WAITING
BEFORE_THE_END = frozenset({NotificationType.WAITING, NotificationType.FAILED})


COLUMNS = ("webhook", "event_id", "job_id", "type", "next_try")


def _insert(is_news: ColumnElement[bool]) -> CompiledStatement:
    """Return the statement that adds a notification for each webhook that subscribed to it."""
    job_id, kind = bindparam("job_id", type_=BigInteger), bindparam("kind", type_=Text)
    # Without `failure`, the time of the next try is only the end of a lease.
    postponed = select(func.max(Notification.next_try)).where(
        Notification.webhook == Webhook.name, Notification.job_id == job_id, WAITING, Notification.failure.is_not(None)
    )
    next_try = func.greatest(func.now(), postponed.correlate(Webhook).scalar_subquery())
    subscribed = (
        select(Webhook.name, bindparam("event_id", type_=BigInteger), job_id, kind, next_try)
        .join(Job, Job.id == job_id)
        .where(
            IS_ACTIVE,
            is_news,
            kind == any_(Webhook.events),
            or_(Webhook.users.is_(None), Job.user == any_(Webhook.users)),
        )
    )
    return CompiledStatement(insert(Notification).from_select(COLUMNS, subscribed))


_INSERT = _insert(true())
# The end of a canceled job was notified: how the removal of its files goes on is no news.
_INSERT_UNLESS_CANCELED = _insert(not_(IS_CANCELED))


def enqueue(session: Session, event_id: int, job_id: int, kind: NotificationType) -> None:
    """Add a notification for each webhook that subscribed to it, in the transaction of the event."""
    statement = _INSERT_UNLESS_CANCELED if kind in BEFORE_THE_END else _INSERT
    statement.execute(session, event_id=event_id, job_id=job_id, kind=kind.value)
