"""The text of a message: what uploaders may see."""

import json
from typing import Any

from sqlalchemy import Engine

from ingest.errors.types import RUN_MARKED_FAILED
from ingest.ledger import deliveries, job_runs, jobs, webhooks
from ingest.ledger.cancellation import cancel
from ingest.operations.job_actions import AN_ADMIN
from ingest.operations.notify.message import make_job_message
from ingest.states.job_state import MARKED_TEXT
from tests.operations.notify.conftest import receive_job, webhook_of
from tests.operations.notify.receiver import Receiver

ACCOUNT = "otto"


def next_message(engine: Engine) -> tuple[str, dict[str, Any]]:
    """Return the text of the next message, and its data."""
    claimed = deliveries.claim(engine, "lab")
    assert claimed is not None
    deliveries.record_delivery(engine, claimed.notification)
    body = make_job_message(claimed, None).body
    return body, json.loads(body)["data"]


def test_cancellation_names_no_admin(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver, events="job.canceled")])
    cancel(separate_engine, receive_job(separate_engine), AN_ADMIN, ACCOUNT)
    body, data = next_message(separate_engine)
    assert data["message"].startswith("by an admin at 20")
    assert data["message"].endswith("UTC; to archive the data, send it as a new job")
    assert ACCOUNT not in body


def test_run_that_was_marked_as_failed_names_no_account(separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver, events="job.failed")])
    job = jobs.read(separate_engine, receive_job(separate_engine))
    job_runs.give_up(separate_engine, job, RUN_MARKED_FAILED, MARKED_TEXT, f"marked by {ACCOUNT}")
    body, data = next_message(separate_engine)
    assert (data["code"], data["message"]) == (RUN_MARKED_FAILED, MARKED_TEXT)
    assert ACCOUNT not in body
