"""The webhooks of the ledger: the transaction of an event finds there which webhooks are notified.

So the stages need neither the URLs nor the secrets, and cost nothing while there is no webhook. Called by
`ingest.operations.notify` when an API process starts, by the command line, and by retention.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ingest.ledger.database import transaction
from ingest.ledger.models import Notification, Webhook
from ingest.settings.webhooks import Webhook as Subscriber
from ingest.states.notifications import NotificationState

IS_ACTIVE: ColumnElement[bool] = and_(Webhook.removed.is_(None), Webhook.disabled.is_(None))


@dataclass(frozen=True)
class WebhookStatus:
    """What the ledger knows about a webhook; `waiting` notifications since `oldest`."""

    name: str
    removed: datetime | None
    disabled: datetime | None
    paused_until: datetime | None
    last_success: datetime | None
    last_failure: datetime | None
    failure: str | None
    waiting: int
    oldest: datetime | None
    given_up: int


def synchronize(engine: Engine, subscribers: Sequence[Subscriber]) -> None:
    """Store the webhooks of the settings, and mark all others as removed; raises DatabaseUnavailable.

    A webhook is notified of events from then on. Two processes may do so simultaneously.
    """
    names = [subscriber.name for subscriber in subscribers]
    with transaction(engine) as session:
        for subscriber in sorted(subscribers, key=lambda each: each.name):
            values = {"events": list(subscriber.events), "users": list(subscriber.users) or None, "removed": None}
            new = insert(Webhook).values(name=subscriber.name, **values)
            session.execute(new.on_conflict_do_update(index_elements=[Webhook.name], set_=values))
        others = update(Webhook).where(Webhook.name.not_in(names), Webhook.removed.is_(None))
        session.execute(others.values(removed=func.now()))


def enable(engine: Engine, name: str) -> None:
    """Notify a webhook again that was disabled or paused."""
    with transaction(engine) as session:
        session.execute(update(Webhook).where(Webhook.name == name).values(disabled=None, paused_until=None))


def replay(engine: Engine, webhook: str, *, message_id: UUID | None = None, since: datetime | None = None) -> int:
    """Send notifications of a webhook again as soon as possible, also delivered ones; return their number."""
    chosen = Notification.message_id == message_id if message_id else Notification.created >= since
    values = {"state": NotificationState.WAITING, "tries": 0, "next_try": func.now(), "ended": None, "failure": None}
    again = update(Notification).where(Notification.webhook == webhook, chosen).values(values)
    with transaction(engine) as session:
        return session.connection().execute(again).rowcount


def statuses(engine: Engine) -> list[WebhookStatus]:
    """Return the status of every webhook, by name."""
    is_waiting = Notification.state == NotificationState.WAITING
    is_undelivered = Notification.state != NotificationState.DELIVERED
    counts = (
        func.count().filter(is_waiting).label("waiting"),
        func.min(Notification.created).filter(is_waiting).label("oldest"),
        func.count().filter(Notification.state == NotificationState.GIVEN_UP).label("given_up"),
    )
    columns = (
        Webhook.name,
        Webhook.removed,
        Webhook.disabled,
        Webhook.paused_until,
        Webhook.last_success,
        Webhook.last_failure,
        Webhook.failure,
    )
    query = (
        select(*columns, *counts)
        .outerjoin(Notification, and_(Notification.webhook == Webhook.name, is_undelivered))
        .group_by(Webhook.name)
        .order_by(Webhook.name)
    )
    with transaction(engine) as session:
        return [WebhookStatus(**row) for row in session.execute(query).mappings()]


def remove_old(engine: Engine, age: timedelta) -> int:
    """Delete notifications that ended long ago or that no webhook takes any more, and webhooks that were removed long ago.

    Return the number of notifications.
    """
    is_inactive = Notification.webhook.in_(select(Webhook.name).where(~IS_ACTIVE))
    end = func.coalesce(Notification.ended, Notification.created)
    is_over = or_(Notification.state != NotificationState.WAITING, is_inactive)
    with transaction(engine) as session:
        count = session.connection().execute(delete(Notification).where(is_over, end < func.now() - age)).rowcount
        session.execute(delete(Webhook).where(Webhook.removed < func.now() - age))
    return count
