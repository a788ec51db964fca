"""Deliver what is in the outbox: claim the notification that is due, and record how the try ended.

Called by the threads that deliver (`ingest.operations.notify`). Any number of processes share the work: a claim moves the
time of the next try into the future, so that the notification is due again if the process dies. The notifications of one job
to one webhook are sent in the order of their ids. A failed try postpones all of them, so the search for due notifications
does not meet those that cannot be sent yet. A delivery makes the next one due, which may have been added while a try was in
progress.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Engine, Select, Text, and_, bindparam, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from ingest.ledger.database import transaction
from ingest.ledger.models import Event, Job, Notification, Webhook
from ingest.ledger.outbox import WAITING
from ingest.ledger.webhooks import IS_ACTIVE
from ingest.states.notifications import NotificationState

# Longer than a try can take: after this time, the process that claimed a notification is dead or suspended.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Claimed:
    """A notification that this process sends now, and the event and the job that it is about."""

    notification: Notification
    event: Event
    job: Job


def _next_due() -> Select[Notification]:
    """Return the query that locks the notification of a webhook that has been due for longest."""
    webhook = bindparam("webhook", type_=Text)
    earlier = aliased(Notification)
    follows_another = exists().where(
        earlier.webhook == Notification.webhook,
        earlier.job_id == Notification.job_id,
        earlier.id < Notification.id,
        earlier.state == NotificationState.WAITING,
    )
    accepts = exists().where(
        Webhook.name == webhook, IS_ACTIVE, func.coalesce(Webhook.paused_until, func.now()) <= func.now()
    )
    return (
        select(Notification)
        .where(Notification.webhook == webhook, WAITING, Notification.next_try <= func.now(), ~follows_another, accepts)
        .order_by(Notification.next_try, Notification.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


# Built once, because it is executed every second.
NEXT_DUE = _next_due()


def claim(engine: Engine, webhook: str) -> Claimed | None:
    """Claim the notification of a webhook that has been due for longest; None if there is none.

    Raises DatabaseUnavailable.
    """
    with transaction(engine) as session:
        found = session.scalar(NEXT_DUE, {"webhook": webhook})
        if found is None:
            return None
        found.tries += 1
        found.next_try = func.now() + LEASE
        session.flush()
        return Claimed(found, session.get_one(Event, found.event_id), session.get_one(Job, found.job_id))


def record_delivery(engine: Engine, notification: Notification) -> None:
    """Record that the receiver confirmed a notification; raises DatabaseUnavailable."""
    with transaction(engine) as session:
        values = {"state": NotificationState.DELIVERED, "ended": func.now(), "failure": None}
        own = update(Notification).where(_own(notification)).values(values).returning(Notification.id)
        if session.scalar(own) is not None:
            session.execute(update(Notification).where(_of_job(notification)).values(next_try=func.now()))
        session.execute(update(Webhook).where(Webhook.name == notification.webhook).values(last_success=func.now()))


def record_failure(
    engine: Engine,
    notification: Notification,
    failure: str,
    delay: timedelta | None,
    *,
    pause: timedelta | None,
    gone: bool,
) -> None:
    """Record a failed try, and postpone it and all later notifications of its job; give it up if there is no `delay`.

    `pause` is the time for which the receiver must not be called at all; with `gone` the webhook is disabled. Does nothing
    to a notification that another process has claimed in the meantime. Raises DatabaseUnavailable.
    """
    with transaction(engine) as session:
        own = update(Notification).where(_own(notification)).values(failure=failure).returning(Notification.id)
        if session.scalar(own) is not None:
            _postpone(session, notification, delay)
        values = {
            "last_failure": func.now(),
            "failure": failure,
            "paused_until": Webhook.paused_until if pause is None else func.now() + pause,
            "disabled": func.now() if gone else Webhook.disabled,
        }
        session.execute(update(Webhook).where(Webhook.name == notification.webhook).values(values))


def _postpone(session: Session, notification: Notification, delay: timedelta | None) -> None:
    of_job = _of_job(notification)
    if delay is not None:
        session.execute(update(Notification).where(of_job).values(next_try=func.now() + delay))
        return
    values = {"state": NotificationState.GIVEN_UP, "ended": func.now()}
    session.execute(update(Notification).where(Notification.id == notification.id).values(values))
    session.execute(update(Notification).where(of_job).values(next_try=func.now()))


def _of_job(notification: Notification) -> ColumnElement[bool]:
    """Return the condition of all notifications of the same job that wait for the same webhook."""
    return and_(Notification.webhook == notification.webhook, Notification.job_id == notification.job_id, WAITING)


def _own(notification: Notification) -> ColumnElement[bool]:
    """Return the condition that no other process has claimed a notification since."""
    return and_(Notification.id == notification.id, Notification.tries == notification.tries, WAITING)
