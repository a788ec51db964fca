"""The message that a receiver gets: a CloudEvents 1.0.2 document, signed as Standard Webhooks says.

Called by `ingest.operations.notify.notifier` and the command line (a test). The document is the same in every try, because
it is made of an event, which never changes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook as Signer

from ingest.errors.types import RUN_MARKED_FAILED
from ingest.ledger.deliveries import Claimed
from ingest.ledger.events import EventKind
from ingest.ledger.models import Event, Job
from ingest.states.job_state import MARKED_TEXT
from ingest.states.notifications import NotificationType

SPEC_VERSION = "1.0"
TYPE_PREFIX = "org.pacifica.ingest."
TEST_TYPE = "test"
SOURCE = "/pacifica-ingest"
CONTENT_TYPE = "application/cloudevents+json"
# The page of a job, as `api.routes.pages` serves it.
JOB_PAGE = "/ui/jobs/{}"


@dataclass(frozen=True)
class Message:
    """A message: its id, and its document as it is sent."""

    message_id: str
    body: str


def make_job_message(claimed: Claimed, public_url: str | None) -> Message:
    """Return the message of a notification of a job; it links to the job's page if the API's URL is known."""
    notification, event, job = claimed.notification, claimed.event, claimed.job
    data: dict[str, Any] = {
        "job_id": job.id,
        "kind": job.kind,
        "user": job.user,
        "size": job.size,
        "event_id": event.id,
        "stage": event.stage,
        "code": event.code,
        "message": _text(event, job),
    }
    if public_url is not None:
        data["url"] = f"{public_url.rstrip('/')}{JOB_PAGE.format(job.id)}"
    if notification.type == NotificationType.COMPLETED:
        data["transaction"] = job.id
    return _message(str(notification.message_id), notification.type, f"jobs/{job.id}", event.at, data)


def make_test_message(webhook: str) -> Message:
    """Return a message that says only that a webhook works."""
    return _message(str(uuid4()), TEST_TYPE, f"webhooks/{webhook}", datetime.now(UTC), {"webhook": webhook})


def signed_headers(message: Message, secrets: tuple[str, ...]) -> dict[str, str]:
    """Return the headers of a try that begins now, with one signature for each secret."""
    now = datetime.now(UTC)
    signatures = (Signer(secret).sign(message.message_id, now, message.body) for secret in secrets)
    return {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": "pacifica-ingest",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _text(event: Event, job: Job) -> str:
    """Return the text of an event; where it names an account, which uploaders may not see, that of the job's state."""
    if event.kind == EventKind.CANCELED and job.rejection is not None:
        return str(job.rejection["text"])
    return MARKED_TEXT if event.code == RUN_MARKED_FAILED else event.text


def _message(message_id: str, kind: str, subject: str, at: datetime, data: Mapping[str, Any]) -> Message:
    document = {
        "specversion": SPEC_VERSION,
        "id": message_id,
        "source": SOURCE,
        "type": TYPE_PREFIX + kind,
        "subject": subject,
        "time": at.astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Message(message_id, json.dumps(document))
