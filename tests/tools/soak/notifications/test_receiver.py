"""The receiver of the soak is a real program: it records what it answers, and a kill loses nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.operations.notify.delivery import deliver
from ingest.operations.notify.message import Message
from ingest.settings.loading import load_settings
from ingest.settings.webhooks import Webhook
from tools.soak.notifications.receiver import Answer
from tools.soak.notifications.receiver_process import ReceiverProcess

OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
MESSAGES = 12
# So many messages have each quick answer with this seed.
SEED = 52
QUICK = {Answer.ACCEPTED, Answer.ERROR, Answer.PAUSE, Answer.CLOSED}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    made = ReceiverProcess(tmp_path, SEED)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def webhook(receiver: ReceiverProcess) -> Webhook:
    """Return the webhook as a stack reads it from its settings."""
    (found,) = load_settings(receiver.settings()).webhooks
    return found


def message(number: int) -> Message:
    return Message(f"message {number}", json.dumps({"id": f"message {number}"}))


def test_receiver_records_how_it_answers_each_message(receiver: ReceiverProcess, webhook: Webhook):
    results = [deliver(webhook, message(number)) for number in range(MESSAGES)]
    arrivals = list(receiver.arrivals())
    assert [arrival.message_id for arrival in arrivals] == [f"message {number}" for number in range(MESSAGES)]
    assert [result.failure is None for result in results] == [arrival.is_accepted for arrival in arrivals]
    assert {arrival.answer for arrival in arrivals} == QUICK


def test_receiver_that_is_killed_and_started_again_keeps_its_messages(receiver: ReceiverProcess, webhook: Webhook):
    deliver(webhook, message(1))
    receiver.kill()
    assert "refused" in str(deliver(webhook, message(2)).failure)
    receiver.start()
    deliver(webhook, message(3))
    assert [arrival.message_id for arrival in receiver.arrivals()] == ["message 1", "message 3"]


def test_message_with_another_signature_is_recorded_as_forged(receiver: ReceiverProcess, webhook: Webhook):
    result = deliver(webhook.model_copy(update={"secrets": (OTHER_SECRET,)}), message(1))
    assert result.failure == "answered 401"
    assert [arrival.answer for arrival in receiver.arrivals()] == [Answer.FORGED]
