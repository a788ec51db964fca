"""Retention deletes notifications that ended long ago, and what belongs to a webhook that was removed long ago."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, update

from ingest.ledger import deliveries, webhooks
from ingest.ledger.database import transaction
from ingest.ledger.models import Notification, Webhook
from ingest.operations.notify.delivery import Result
from ingest.operations.notify.notifier import record
from ingest.settings.webhooks import Webhook as Subscriber
from tests.operations.notify.conftest import notifications, receive_job
from tests.operations.notify.receiver import SECRET

MONTH = timedelta(days=30)
LAB = Subscriber.model_validate({"name": "lab", "url": "https://example.org/", "secret": SECRET})


def make_older(engine: Engine, days: int) -> None:
    age = timedelta(days=days)
    with transaction(engine) as session:
        at = {"ended": Notification.ended - age, "created": Notification.created - age}
        session.execute(update(Notification).values(at))
        session.execute(update(Webhook).values(removed=Webhook.removed - age))


@pytest.mark.parametrize(("days", "left"), [(29, 2), (31, 1)])
def test_only_notifications_that_ended_long_ago_are_deleted(separate_engine: Engine, days: int, left: int):
    webhooks.synchronize(separate_engine, [LAB])
    receive_job(separate_engine)
    waiting = receive_job(separate_engine)
    claimed = deliveries.claim(separate_engine, "lab")
    assert claimed is not None
    record(separate_engine, claimed.notification, Result())
    make_older(separate_engine, days)
    assert webhooks.remove_old(separate_engine, MONTH) == 2 - left
    assert notifications(separate_engine)[-1].job_id == waiting
    assert len(notifications(separate_engine)) == left


def test_webhook_that_was_removed_long_ago_is_deleted_with_what_waits_for_it(separate_engine: Engine):
    webhooks.synchronize(separate_engine, [LAB])
    receive_job(separate_engine)
    webhooks.synchronize(separate_engine, [])
    assert webhooks.remove_old(separate_engine, MONTH) == 0
    make_older(separate_engine, 31)
    assert webhooks.remove_old(separate_engine, MONTH) == 1
    assert webhooks.statuses(separate_engine) == []


def test_disabled_webhook_stays_though_what_waits_for_it_is_deleted(separate_engine: Engine):
    webhooks.synchronize(separate_engine, [LAB])
    receive_job(separate_engine)
    with transaction(separate_engine) as session:
        session.execute(update(Webhook).values(disabled=func.now()))
    make_older(separate_engine, 31)
    assert webhooks.remove_old(separate_engine, MONTH) == 1
    (found,) = webhooks.statuses(separate_engine)
    assert (found.name, found.waiting) == ("lab", 0)
