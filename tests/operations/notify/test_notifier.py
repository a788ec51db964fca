"""The notifier on a real ledger, with a real receiver: order, and webhooks that come and go."""

import time

import pytest
from sqlalchemy import Engine

from ingest.ledger import webhooks
from ingest.ledger.events import EventKind
from ingest.states.notifications import NotificationState
from tests.operations.notify.conftest import (
    SECONDS,
    Notify,
    happen,
    notifications,
    receive_job,
    status_of,
    wait_for,
    wait_for_states,
    webhook_of,
)
from tests.operations.notify.receiver import Handler, Receiver, status
from tools.waiting import wait_until

LIFE = EventKind.STAGE_WILL_BE_RETRIED, EventKind.STAGE_FINISHED, EventKind.CATALOGED
TYPES = ["job.received", "job.waiting", "job.completed"]


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


@pytest.mark.parametrize("public_url", ["https://ingest.example.org", "https://example.org/ingest/"])
def test_message_links_to_the_page_of_the_job(
    separate_engine: Engine, notifying: Notify, receiver: Receiver, public_url: str
):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    with notifying(webhook_of(receiver), public_url=public_url):
        wait_for(receiver, 1)
    assert receiver.received[0].document["data"]["url"] == f"{public_url.rstrip('/')}/ui/jobs/{job}"


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
