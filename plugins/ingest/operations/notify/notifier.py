"""Sends notifications to webhooks, in threads of the API's processes.

Created by `api.wsgi` in each process. Every webhook has its own thread and its own few senders, so a receiver that does not
answer delays no other one. A process that dies loses nothing: what it had claimed is due again after a minute.
"""

import logging
import random
import threading
from datetime import timedelta

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import deliveries, webhooks
from ingest.ledger.database import make_engine
from ingest.ledger.deliveries import Claimed
from ingest.ledger.models import Notification
from ingest.operations.notify.delivery import Result, deliver
from ingest.operations.notify.message import make_job_message
from ingest.settings.loading import Settings
from ingest.settings.webhooks import Webhook
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# How many notifications one process sends to one webhook simultaneously.
SENDERS = 4
# How long a sender rests after a failure, so that a receiver that refuses every connection costs little processor time,
# however many notifications wait for it.
REST_SECONDS = 1.0
# The delays after each failed try that Standard Webhooks recommends: three days in all.
DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, *(3600 * hours for hours in (0.5, 2, 5, 10, 14, 20, 24)))
)
# Up to this fraction is added, so that the notifications of an outage do not all come back in the same second.
JITTER = 0.1


class Notifier:
    """The threads of one process that send notifications to all webhooks of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._webhooks = settings.webhooks
        self._public_url = settings.public_url
        self._engine = make_engine(settings, pool_size=2)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start in the background: nothing waits for the database, and no thread keeps the process from ending."""
        threading.Thread(target=self._start, name="notifier", daemon=True).start()

    def stop(self) -> None:
        """Claim no further notifications; those that are being sent are not interrupted."""
        self._stopped.set()

    def _start(self) -> None:
        # Also without webhooks, because the ledger may still have those of earlier settings.
        while not self._stopped.is_set() and not self._synchronize():
            self._stopped.wait(POLL_SECONDS)
        for webhook in self._webhooks:
            queue = WebhookQueue(self._engine, webhook, self._public_url, self._stopped)
            threading.Thread(target=queue.run, name=f"webhook {webhook.name}", daemon=True).start()

    def _synchronize(self) -> bool:
        try:
            webhooks.synchronize(self._engine, self._webhooks)
        except DatabaseUnavailable:
            return False
        return True


class WebhookQueue:
    """Sends the notifications of one webhook as they become due."""

    def __init__(self, engine: Engine, webhook: Webhook, public_url: str | None, stopped: threading.Event) -> None:
        self._engine = engine
        self._webhook = webhook
        self._public_url = public_url
        self._stopped = stopped
        self._senders = threading.BoundedSemaphore(SENDERS)

    def run(self) -> None:
        """Claim notifications and send each in a thread of its own, until the process stops."""
        while not self._stopped.is_set():
            self._senders.acquire()
            claimed = self._claim()
            if claimed is None:
                self._senders.release()
                self._stopped.wait(POLL_SECONDS)
            else:
                threading.Thread(target=self._send, args=(claimed,), daemon=True).start()

    def _claim(self) -> Claimed | None:
        try:
            return deliveries.claim(self._engine, self._webhook.name)
        except DatabaseUnavailable:
            return None
        except Exception:
            # A thread that ends would silence the webhook until the process is restarted.
            logger.exception("webhook %s: no notification can be claimed", self._webhook.name)
            return None

    def _send(self, claimed: Claimed) -> None:
        notification = claimed.notification
        try:
            failpoint("notify.claimed", notification.job_id)
            result = deliver(self._webhook, make_job_message(claimed, self._public_url))
            failpoint("notify.sent", notification.job_id)
            record(self._engine, notification, result)
            failpoint("notify.recorded", notification.job_id)
            if result.failure is not None:
                self._stopped.wait(REST_SECONDS)
        except DatabaseUnavailable as error:
            logger.warning("webhook %s: %s will be repeated: %s", self._webhook.name, notification.message_id, error)
        except Exception:
            logger.exception("webhook %s: %s cannot be sent", self._webhook.name, notification.message_id)
        finally:
            self._senders.release()


def record(engine: Engine, notification: Notification, result: Result) -> None:
    """Record how a try ended; raises DatabaseUnavailable."""
    if result.failure is None:
        deliveries.record_delivery(engine, notification)
        return
    delay = _delay(notification.tries, result.pause)
    follows = "given up" if delay is None else f"next try in {delay.total_seconds():.0f} seconds"
    logger.warning(
        "webhook %s: %s of job %s, try %s: %s; %s",
        *(notification.webhook, notification.type, notification.job_id, notification.tries, result.failure, follows),
    )
    deliveries.record_failure(engine, notification, result.failure, delay, pause=result.pause, gone=result.gone)


def _delay(tries: int, pause: timedelta | None) -> timedelta | None:
    """Return the delay before the next try; None if none follows."""
    if tries > len(DELAYS):
        return None
    delay = DELAYS[tries - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - spreads load, hides nothing
    return max(delay, pause or delay)
