"""The rows of the outbox: which events are notified to which webhooks."""

from datetime import timedelta

from sqlalchemy import Engine

from ingest.ledger import deliveries, webhooks
from ingest.ledger.cancellation import cancel
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.models import Notification
from ingest.states.notifications import NotificationState
from tests.operations.notify.conftest import (
    happen,
    let_time_pass,
    notifications,
    receive_job,
    webhook_of,
)
from tests.operations.notify.receiver import Receiver

SECONDS = 30
LIFE = EventKind.STAGE_WILL_BE_RETRIED, EventKind.STAGE_FINISHED, EventKind.CATALOGED
TYPES = ["job.received", "job.waiting", "job.completed"]


def test_one_wait_of_many_tries_is_one_notification(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    again = EventKind.STAGE_STARTED, EventKind.STAGE_WILL_BE_RETRIED
    happen(separate_engine, job, *again, *again, *again, EventKind.STAGE_FINISHED, *again, *again)
    happen(separate_engine, job, EventKind.STAGE_FAILED, EventKind.RETRY, *again)
    expected = ["job.received", "job.waiting", "job.waiting", "job.failed", "job.waiting"]
    assert [each.type for each in notifications(separate_engine)] == expected


def test_nothing_follows_a_cancellation_while_the_files_are_removed(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    happen(separate_engine, job, EventKind.STAGE_WILL_BE_RETRIED)
    cancel(separate_engine, job, "ada", "ada")
    happen(separate_engine, job, EventKind.STAGE_WILL_BE_RETRIED, EventKind.STAGE_FAILED)
    expected = ["job.received", "job.waiting", "job.canceled"]
    assert [each.type for each in notifications(separate_engine)] == expected


def test_event_that_is_rolled_back_is_not_notified(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    with transaction(separate_engine) as session:
        add_event(session, job, EventKind.CATALOGED)
        session.rollback()
    assert [each.type for each in notifications(separate_engine)] == ["job.received"]


def test_webhook_gets_only_its_events_of_its_users(separate_engine: Engine, receiver: Receiver):
    mine = webhook_of(receiver, events="job.completed", users="ada, otto")
    webhooks.synchronize(separate_engine, [mine, webhook_of(receiver, "all")])
    for user in ("ada", "eve"):
        happen(separate_engine, receive_job(separate_engine, user), *LIFE)
    found = [(each.webhook, each.job_id, each.type) for each in notifications(separate_engine)]
    assert [each for each in found if each[0] == "lab"] == [("lab", 1, "job.completed")]
    assert len(found) == 1 + 2 * len(TYPES)


def test_late_result_of_a_process_that_lost_its_claim_changes_nothing(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    receive_job(separate_engine)
    old = deliveries.claim(separate_engine, "lab")
    let_time_pass(separate_engine)
    new = deliveries.claim(separate_engine, "lab")
    assert old is not None
    assert new is not None
    deliveries.record_failure(separate_engine, old.notification, "late", None, pause=None, gone=False)
    (found,) = notifications(separate_engine)
    assert (found.state, found.tries, found.failure) == (NotificationState.WAITING, 2, None)
    deliveries.record_delivery(separate_engine, new.notification)
    (found,) = notifications(separate_engine)
    assert found.state == NotificationState.DELIVERED


def test_event_during_a_try_is_due_when_the_try_has_succeeded(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    first = claim(separate_engine)
    happen(separate_engine, job, EventKind.CATALOGED)
    assert deliveries.claim(separate_engine, "lab") is None
    deliveries.record_delivery(separate_engine, first)
    assert claim(separate_engine).type == "job.completed"


def test_event_during_a_repeated_try_is_due_when_the_try_has_succeeded(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    hour = timedelta(hours=1)
    deliveries.record_failure(separate_engine, claim(separate_engine), "no", hour, pause=None, gone=False)
    let_time_pass(separate_engine)
    again = claim(separate_engine)
    happen(separate_engine, job, EventKind.CATALOGED)
    deliveries.record_delivery(separate_engine, again)
    assert claim(separate_engine).type == "job.completed"


def claim(engine: Engine) -> Notification:
    claimed = deliveries.claim(engine, "lab")
    assert claimed is not None
    return claimed.notification
