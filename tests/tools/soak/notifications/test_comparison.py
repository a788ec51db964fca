"""The comparison of messages with events finds each kind of fault."""

import json
from itertools import count

import pytest
from sqlalchemy import Engine

from ingest.ledger import deliveries, webhooks
from ingest.ledger.events import EventKind
from ingest.operations.notify.message import make_job_message
from ingest.settings.webhooks import Webhook
from ingest.states.notifications import NotificationType
from tests.operations.notify.conftest import receive_job
from tools.soak.journal import Journal
from tools.soak.notifications.comparison import Happened, compare_notifications, expected_messages, faults_of
from tools.soak.notifications.deliveries import wait_for_deliveries
from tools.soak.notifications.receiver import SECRET, Answer
from tools.soak.notifications.receiver_process import Arrival

JOB = 7
RECEIVED, WAITING, FAILED = NotificationType.RECEIVED, NotificationType.WAITING, NotificationType.FAILED
COMPLETED, CANCELED = NotificationType.COMPLETED, NotificationType.CANCELED
# A job that waits and completes: its messages are those of the events 1, 2 and 4.
EXPECTED = expected_messages(
    Happened(event_id, JOB, kind)
    for event_id, kind in enumerate(
        (EventKind.RECEIVED, EventKind.STAGE_WILL_BE_RETRIED, EventKind.STAGE_FINISHED, EventKind.CATALOGED), 1
    )
)


def arrival(event_id: int, kind: NotificationType, answer: Answer = Answer.ACCEPTED, **changes: str) -> Arrival:
    message_id = changes.get("message_id", f"message {event_id}")
    document = {
        "id": message_id,
        "type": f"org.pacifica.ingest.{kind}",
        "data": {"job_id": JOB, "event_id": event_id, "message": changes.get("text", "")},
    }
    return Arrival(message_id, document, answer)


FIRST, SECOND, LAST = arrival(1, RECEIVED), arrival(2, WAITING), arrival(4, COMPLETED)


@pytest.mark.parametrize(
    ("kinds", "types"),
    [
        ("received stage_started stage_finished catalogued", [RECEIVED, COMPLETED]),
        ("stage_will_be_tried_again stage_will_be_tried_again stage_finished", [WAITING]),
        ("stage_will_be_tried_again retry stage_will_be_tried_again", [WAITING, WAITING]),
        ("stage_will_be_tried_again stage_failed stage_will_be_tried_again", [WAITING, FAILED, WAITING]),
        ("canceled stage_will_be_tried_again stage_failed", [CANCELED]),
    ],
)
def test_messages_follow_from_events(kinds: str, types: list[NotificationType]):
    numbers = count(1)
    found = expected_messages(Happened(next(numbers), JOB, kind) for kind in kinds.split())
    assert [each.type for each in found.values()] == types


def test_jobs_do_not_mix():
    kinds = ((1, EventKind.STAGE_WILL_BE_RETRIED), (2, EventKind.STAGE_WILL_BE_RETRIED), (1, EventKind.CANCELED))
    found = expected_messages(Happened(number, job, kind) for number, (job, kind) in enumerate(kinds))
    assert [(each.job_id, each.type) for each in found.values()] == [(1, WAITING), (2, WAITING), (1, CANCELED)]


@pytest.mark.parametrize(
    "arrivals",
    [
        [FIRST, SECOND, LAST],
        [arrival(1, RECEIVED, Answer.ERROR), arrival(1, RECEIVED, Answer.CLOSED), FIRST, SECOND, LAST],
        [FIRST, FIRST, SECOND, FIRST, LAST, SECOND],
    ],
)
def test_messages_that_arrive_at_least_once_and_in_order_are_no_fault(arrivals: list[Arrival]):
    assert list(faults_of(EXPECTED, arrivals)) == []


@pytest.mark.parametrize(
    ("arrivals", "what"),
    [
        ([FIRST, SECOND], "job.completed of event 4 was never accepted"),
        ([FIRST, SECOND, arrival(4, COMPLETED, Answer.TOO_LATE)], "job.completed of event 4 was never accepted"),
        ([FIRST, LAST, SECOND], "job.completed of event 4 was notified before the events [2] were accepted"),
        ([arrival(1, RECEIVED, Answer.ERROR), SECOND, FIRST, LAST], "before the events [1] were accepted"),
        ([FIRST, arrival(1, RECEIVED, message_id="other"), SECOND, LAST], "event 1 was notified first by"),
        ([FIRST, arrival(1, RECEIVED, text="other"), SECOND, LAST], "event 1 was notified first by"),
        ([FIRST, arrival(2, WAITING, message_id="message 1"), LAST], "has the id of another message"),
        ([FIRST, SECOND, arrival(3, FAILED), LAST], "job.failed of event 3 was notified, but None was expected"),
        ([FIRST, arrival(2, FAILED), LAST], "job.failed of event 2 was notified, but Expected(job_id=7"),
    ],
)
def test_fault_is_found(arrivals: list[Arrival], what: str):
    (violation,) = faults_of(EXPECTED, arrivals)
    assert violation.job_id == JOB
    assert what in violation.what


def test_message_with_a_wrong_signature_is_found():
    forged = Arrival("message 1", {"error": "no matching signature"}, Answer.FORGED)
    (violation,) = faults_of(EXPECTED, [forged, FIRST, SECOND, LAST])
    assert "the signature of message message 1 is wrong" in violation.what


def test_message_is_compared_with_the_ledger_which_must_know_that_it_arrived(separate_engine: Engine):
    webhook = {"name": "soak", "url": "http://127.0.0.1:1/", "secret": SECRET, "allow_private": "true"}
    webhooks.synchronize(separate_engine, [Webhook.model_validate(webhook)])
    job = receive_job(separate_engine)
    claimed = deliveries.claim(separate_engine, "soak")
    assert claimed is not None
    message = make_job_message(claimed, None)
    arrivals = [Arrival(message.message_id, json.loads(message.body), Answer.ACCEPTED)]
    journal = Journal()
    compare_notifications(separate_engine, arrivals, journal)
    (violation,) = journal.violations
    assert violation.job_id == job
    assert violation.what.endswith("is waiting at the end: None")
    deliveries.record_delivery(separate_engine, claimed.notification)
    wait_for_deliveries(separate_engine)
    journal = Journal()
    compare_notifications(separate_engine, arrivals, journal)
    assert journal.violations == []
