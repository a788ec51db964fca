"""The notifier on a real ledger, with real receivers: order, retries, pauses, and receivers that do not answer."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from ingest.ledger import outbox, webhooks
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.models import Webhook
from ingest.operations.notify import notifier
from ingest.states.notifications import NotificationState
from tests.operations.notify.conftest import (
    Notify,
    happen,
    let_time_pass,
    notifications,
    receive_job,
    webhook_of,
)
from tests.operations.notify.receiver import Handler, Receiver, close, run_receiver, status
from tools.waiting import wait_until

SECONDS = 30
LIFE = EventKind.STAGE_WILL_BE_RETRIED, EventKind.STAGE_FINISHED, EventKind.CATALOGED
TYPES = ["job.received", "job.waiting", "job.completed"]


def wait_for(receiver: Receiver, count: int) -> None:
    wait_until(lambda: len(receiver.received) >= count, SECONDS, lambda: f"received only {receiver.received}")


def wait_for_states(engine: Engine, *states: NotificationState) -> None:
    def found() -> list[str]:
        return [each.state for each in notifications(engine)]

    wait_until(lambda: found() == list(states), SECONDS, lambda: f"the states are {found()}")


def wait_for_tries(engine: Engine, tries: int) -> None:
    wait_until(
        lambda: any(each.tries == tries and each.failure for each in notifications(engine)),
        SECONDS,
        lambda: f"not tried {tries} times",
    )


def status_of(engine: Engine) -> webhooks.WebhookStatus:
    (found,) = webhooks.statuses(engine)
    return found


def test_life_of_a_job_is_received_in_order_while_it_happens(
    separate_engine: Engine, notifying: Notify, receiver: Receiver
):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    jobs = [receive_job(separate_engine) for _ in range(5)]
    with notifying(webhook_of(receiver)):
        for kind in LIFE:
            for job in jobs:
                happen(separate_engine, job, kind)
        wait_for(receiver, len(jobs) * len(TYPES))
    assert all(receiver.of_job(job) == TYPES for job in jobs)
    waiting = next(each.document["data"] for each in receiver.received if each.type == "job.waiting")
    event_id = waiting.pop("event_id")
    assert event_id > 0
    assert waiting == {
        "job_id": waiting["job_id"],
        "kind": "ingest",
        "user": "ada",
        "size": 7,
        "stage": "ingest_files",
        "code": "service_unavailable",
        "message": "the archive is unavailable",
    }
    completed = next(each.document for each in receiver.received if each.type == "job.completed")
    assert completed["data"]["transaction"] == completed["data"]["job_id"]
    assert completed["subject"] == f"jobs/{completed['data']['job_id']}"


def test_one_wait_of_many_tries_is_one_notification(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    again = EventKind.STAGE_STARTED, EventKind.STAGE_WILL_BE_RETRIED
    happen(separate_engine, job, *again, *again, *again, EventKind.STAGE_FINISHED, *again, *again)
    happen(separate_engine, job, EventKind.STAGE_FAILED, EventKind.RETRY, *again)
    expected = ["job.received", "job.waiting", "job.waiting", "job.failed", "job.waiting"]
    assert [each.type for each in notifications(separate_engine)] == expected


def test_without_webhooks_there_are_no_rows_and_a_new_one_gets_only_later_events(
    separate_engine: Engine, notifying: Notify, receiver: Receiver
):
    job = receive_job(separate_engine)
    assert notifications(separate_engine) == []
    with notifying(webhook_of(receiver)):
        wait_until(lambda: webhooks.statuses(separate_engine) != [], SECONDS, lambda: "the webhook is not stored")
        happen(separate_engine, job, EventKind.CATALOGED)
        wait_for(receiver, 1)
    assert receiver.of_job(job) == ["job.completed"]


def test_removed_webhook_gets_nothing_more(separate_engine: Engine, notifying: Notify, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    with notifying():
        wait_until(lambda: status_of(separate_engine).removed is not None, SECONDS, lambda: "it is not removed")
    receive_job(separate_engine)
    assert notifications(separate_engine) == []


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


@pytest.mark.parametrize("answer", [status(500), status(302, Location="/"), close], ids=["500", "302", "closed"])
def test_failed_try_is_repeated_with_the_same_message_and_holds_back_only_its_job(
    separate_engine: Engine, notifying: Notify, receiver: Receiver, answer: object
):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    first = receive_job(separate_engine)
    receiver.answers.append(answer)  # type: ignore[arg-type]
    with notifying(webhook_of(receiver)):
        wait_for_tries(separate_engine, 1)
        happen(separate_engine, first, EventKind.CATALOGED)
        second = receive_job(separate_engine)
        wait_for(receiver, 2)
        assert receiver.received[1].job == second
        let_time_pass(separate_engine)
        wait_for(receiver, 4)
    assert receiver.of_job(first) == ["job.received", "job.received", "job.completed"]
    tries = [each for each in receiver.received if each.job == first and each.type == "job.received"]
    assert tries[0].message_id == tries[1].message_id
    assert tries[0].document == tries[1].document


def test_notification_is_given_up_after_the_last_delay_and_the_next_one_follows(
    separate_engine: Engine, notifying: Notify, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(notifier, "DELAYS", (timedelta(0),) * 2)
    monkeypatch.setattr(notifier, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(notifier, "REST_SECONDS", 0.05)
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    happen(separate_engine, receive_job(separate_engine), EventKind.CATALOGED)
    receiver.answers.extend([status(500)] * 3)
    with notifying(webhook_of(receiver)):
        wait_for_states(separate_engine, NotificationState.GIVEN_UP, NotificationState.DELIVERED)
    assert [each.type for each in receiver.received] == ["job.received"] * 3 + ["job.completed"]
    assert (status_of(separate_engine).given_up, status_of(separate_engine).waiting) == (1, 0)


def test_delays_last_three_days():
    assert timedelta(days=3) <= sum(notifier.DELAYS, timedelta()) <= timedelta(days=3.5)


def test_410_disables_the_webhook_until_it_is_enabled(separate_engine: Engine, notifying: Notify, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    receiver.answers.append(status(410))
    with notifying(webhook_of(receiver)):
        wait_until(lambda: status_of(separate_engine).disabled is not None, SECONDS, lambda: "it is not disabled")
        let_time_pass(separate_engine)
        happen(separate_engine, job, EventKind.CATALOGED)
        webhooks.synchronize(separate_engine, [webhook_of(receiver)])
        assert len(notifications(separate_engine)) == 1
        assert outbox.claim(separate_engine, "lab") is None
        webhooks.enable(separate_engine, "lab")
        wait_for(receiver, 2)
    assert receiver.of_job(job) == ["job.received", "job.received"]


def test_retry_after_pauses_the_webhook(separate_engine: Engine, notifying: Notify, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    receive_job(separate_engine)
    receiver.answers.append(status(429, Retry_After="600"))
    with notifying(webhook_of(receiver)):
        wait_until(lambda: status_of(separate_engine).paused_until is not None, SECONDS, lambda: "it is not paused")
        receive_job(separate_engine)
        let_time_pass(separate_engine)
        assert outbox.claim(separate_engine, "lab") is None
        paused_until = status_of(separate_engine).paused_until
        assert paused_until is not None
        assert timedelta(minutes=9) < paused_until - datetime.now(UTC) < timedelta(minutes=11)
        with transaction(separate_engine) as session:
            session.get_one(Webhook, "lab").paused_until = datetime.now(UTC)
        wait_for(receiver, 3)


def test_receiver_that_does_not_answer_delays_no_other(separate_engine: Engine, notifying: Notify, receiver: Receiver):
    ended = threading.Event()
    with run_receiver() as dead:
        dead.answer = lambda _: ended.wait(SECONDS)
        both = webhook_of(dead, "dead"), webhook_of(receiver)
        webhooks.synchronize(separate_engine, both)
        with notifying(*both):
            jobs = [receive_job(separate_engine) for _ in range(20)]
            wait_for(receiver, len(jobs))
            # The other one's messages are held by its few senders.
            assert len(dead.received) <= notifier.SENDERS
            ended.set()


def test_receiver_that_is_killed_gets_everything_when_it_is_back(
    separate_engine: Engine, notifying: Notify, monkeypatch: pytest.MonkeyPatch
):
    with run_receiver() as first:
        webhook = webhook_of(first)
        port = int(first.url.split(":")[2].split("/")[0])
    webhooks.synchronize(separate_engine, [webhook])
    job = receive_job(separate_engine)
    with notifying(webhook):
        wait_for_tries(separate_engine, 1)
        happen(separate_engine, job, *LIFE)
        with run_receiver(port) as second:
            let_time_pass(separate_engine)
            wait_for(second, 3)
    assert second.of_job(job) == TYPES


def test_many_processes_send_each_notification_once(separate_engine: Engine, notifying: Notify, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    jobs = [receive_job(separate_engine) for _ in range(30)]
    for job in jobs:
        happen(separate_engine, job, EventKind.CATALOGED)

    def answer_slowly(handler: Handler) -> None:
        time.sleep(0.01)
        status(204)(handler)

    receiver.answer = answer_slowly
    with notifying(webhook_of(receiver)), notifying(webhook_of(receiver)), notifying(webhook_of(receiver)):
        wait_for_states(separate_engine, *[NotificationState.DELIVERED] * 60)
    assert len(receiver.received) == 60
    assert all(receiver.of_job(job) == ["job.received", "job.completed"] for job in jobs)


def test_late_result_of_a_process_that_lost_its_claim_changes_nothing(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    receive_job(separate_engine)
    old = outbox.claim(separate_engine, "lab")
    let_time_pass(separate_engine)
    new = outbox.claim(separate_engine, "lab")
    assert old is not None
    assert new is not None
    outbox.record_failure(separate_engine, old.notification, "late", None, pause=None, gone=False)
    (found,) = notifications(separate_engine)
    assert (found.state, found.tries, found.failure) == (NotificationState.WAITING, 2, None)
    outbox.record_delivery(separate_engine, new.notification)
    (found,) = notifications(separate_engine)
    assert found.state == NotificationState.DELIVERED
