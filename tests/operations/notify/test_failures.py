"""Receivers that fail, refuse, pause, hang or are killed, with the real notifier."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from ingest.ledger import deliveries, webhooks
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.models import Webhook
from ingest.operations.notify import notifier
from ingest.states.notifications import NotificationState
from tests.operations.notify.conftest import (
    SECONDS,
    Notify,
    happen,
    let_time_pass,
    notifications,
    receive_job,
    status_of,
    wait_for,
    wait_for_states,
    wait_for_tries,
    webhook_of,
)
from tests.operations.notify.receiver import Receiver, close, run_receiver, status
from tools.waiting import wait_until

LIFE = EventKind.STAGE_WILL_BE_RETRIED, EventKind.STAGE_FINISHED, EventKind.CATALOGED
TYPES = ["job.received", "job.waiting", "job.completed"]


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
        assert deliveries.claim(separate_engine, "lab") is None
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
        assert deliveries.claim(separate_engine, "lab") is None
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
