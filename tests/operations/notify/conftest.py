"""A receiver, webhooks, and jobs with the events that webhooks are notified of."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import Engine, func, select, update

from ingest.ledger import webhooks
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.jobs import Received
from ingest.ledger.models import Job, Notification
from ingest.operations.notify.notifier import Notifier
from ingest.settings.loading import Settings
from ingest.settings.webhooks import Webhook
from ingest.states.notifications import NotificationState
from ingest.states.stages import Kind, Stage
from tests.job_creation import create_job
from tests.operations.notify.receiver import SECRET, Receiver, run_receiver
from tools.waiting import wait_until

SECONDS = 30
Notify = Callable[..., AbstractContextManager[Notifier]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


def webhook_of(receiver: Receiver, name: str = "lab", **options: str) -> Webhook:
    values = {"name": name, "url": receiver.url, "secret": SECRET, "allow_private": "true", **options}
    return Webhook.model_validate(values)


@pytest.fixture
def notifying(separate_engine: Engine, separate_url: str) -> Notify:
    """Return a function that runs a notifier for webhooks inside a block."""

    @contextmanager
    def run(*webhooks: Webhook, public_url: str | None = None) -> Iterator[Notifier]:
        notifier = Notifier(Settings(database_url=separate_url, webhooks=webhooks, public_url=public_url))
        notifier.start()
        try:
            yield notifier
        finally:
            notifier.stop()

    return run


def receive_job(engine: Engine, user: str = "ada") -> int:
    """Create a job, which is an event that webhooks are notified of."""
    with transaction(engine) as session:
        job = int(session.scalar(select(func.coalesce(func.max(Job.id), 0) + 1)) or 0)
    create_job(engine, Received(job, Kind.INGEST, user, f"{job}.tar", 7))
    return job


def happen(engine: Engine, job: int, *kinds: EventKind) -> None:
    """Append events to a job, each in a transaction of its own."""
    for kind in kinds:
        with transaction(engine) as session:
            add_event(session, job, kind, Stage.INGEST_FILES, 1, "service_unavailable", "the archive is unavailable")


def notifications(engine: Engine) -> list[Notification]:
    with transaction(engine) as session:
        return list(session.scalars(select(Notification).order_by(Notification.id)))


def let_time_pass(engine: Engine) -> None:
    """Make all waiting notifications due, as if their delays and leases were over."""
    with transaction(engine) as session:
        session.execute(update(Notification).where(Notification.state == "waiting").values(next_try=func.now()))


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
