"""The notifications of a stack: wait for its webhook at the start, and for the last message at the end.

Called by `soak`.
"""

import time

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from ingest.ledger import webhooks
from ingest.ledger.models import Notification
from ingest.states.notifications import NotificationState
from tools.waiting import wait_until

SUBSCRIBED_SECONDS = 60
DELIVERED_SECONDS = 300
POLL_SECONDS = 1.0
IS_WAITING = Notification.state == NotificationState.WAITING


def wait_for_webhook(engine: Engine) -> None:
    """Wait until the ledger knows the webhook: it is notified of later events only."""
    wait_until(lambda: webhooks.statuses(engine) != [], SUBSCRIBED_SECONDS, lambda: "the webhook is not stored")


def wait_for_deliveries(engine: Engine) -> None:
    """Wait until nothing waits to be sent; the comparison finds what did not arrive in time.

    A message that failed twice is sent again after five minutes, later after hours. As if this time had passed, it is due
    immediately.
    """
    end = time.monotonic() + DELIVERED_SECONDS
    while time.monotonic() < end and _make_due(engine):
        time.sleep(POLL_SECONDS)


def _make_due(engine: Engine) -> int:
    """Make postponed notifications due; return the number of all that wait."""
    with Session(engine) as session, session.begin():
        # Without a failure, the time of the next try is the end of a lease.
        session.execute(
            update(Notification).where(IS_WAITING, Notification.failure.is_not(None)).values(next_try=func.now())
        )
        return session.scalar(select(func.count()).where(IS_WAITING)) or 0
