"""Send one message to one webhook.

Called by `ingest.operations.notify.notifier` and the command line. Only a 2xx is success: a redirect is not followed,
because it could lead into a private network.
"""

import email.utils
import http.client
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from ingest.operations.notify.checked_connection import AddressRefused, CheckedConnection
from ingest.operations.notify.message import Message, signed_headers
from ingest.settings.webhooks import Webhook
from ingest.system.sanitize import quote_name, to_one_line

# The duration of a try: name, connection, request and answer.
TIMEOUT_SECONDS = 20
MAX_ANSWER_BYTES = 4096
LONGEST_PAUSE = timedelta(days=1)
ASKS_FOR_A_PAUSE = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True)
class Result:
    """How a try ended: without `failure` it was a success.

    - `gone`: the receiver wants no notifications any more (410).
    - `pause`: how long the receiver must not be called (`Retry-After`).
    """

    failure: str | None = None
    gone: bool = False
    pause: timedelta | None = None


def deliver(webhook: Webhook, message: Message) -> Result:
    """Send a message once; returns within about TIMEOUT_SECONDS."""
    url = urlsplit(webhook.url)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        with closing(CheckedConnection(url, deadline, allow_private=webhook.allow_private)) as connection:
            # Time-outs of the socket start again with each byte that arrives.
            timer = threading.Timer(TIMEOUT_SECONDS, connection.abort)
            timer.start()
            try:
                target = (url.path or "/") + (f"?{url.query}" if url.query else "")
                connection.request("POST", target, message.body.encode(), signed_headers(message, webhook.secrets))
                response = connection.getresponse()
                if time.monotonic() >= deadline:
                    # The abort looks like the end of the answer.
                    raise TimeoutError
                return _result(response)
            finally:
                timer.cancel()
    except AddressRefused as error:
        return Result(f"address refused: {error}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:
            return Result(f"no complete answer within {TIMEOUT_SECONDS} seconds")
        return Result(to_one_line(f"{type(error).__name__}: {error}"))


def _result(response: http.client.HTTPResponse) -> Result:
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Result()
    text = _beginning(response)
    failure = f"answered {response.status}" + (f": {quote_name(text)}" if text else "")
    pause = _pause(response.getheader("Retry-After", "")) if response.status in ASKS_FOR_A_PAUSE else None
    return Result(failure, response.status == HTTPStatus.GONE, pause)


def _beginning(response: http.client.HTTPResponse) -> str:
    """Return the beginning of the answer, which often says why; empty if it does not arrive."""
    try:
        return response.read(MAX_ANSWER_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""


def _pause(retry_after: str) -> timedelta | None:
    """Read `Retry-After`, in seconds or as a date; None if it is neither."""
    try:
        if retry_after.isdecimal():
            return timedelta(seconds=min(int(retry_after), LONGEST_PAUSE.total_seconds()))
        pause = email.utils.parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return min(max(pause, timedelta(0)), LONGEST_PAUSE)
