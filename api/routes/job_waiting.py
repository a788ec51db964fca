"""Hold the request for a job until the job changes, if the client prefers to wait (RFC 7240). Used by `api.routes.jobs`."""

import re
from collections.abc import Hashable

from flask import request

from api.polling.job_changes import JobChanges
from api.resources import get_resources
from api.serving.held_requests import HoldRequest
from api.serving.request_client import client_of

LONGEST_WAIT = 60
WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def hold_until_changed(job_id: int, seen: Hashable) -> None:
    """Raise HoldRequest if the client prefers to wait, and this server can hold the request once; otherwise do nothing."""
    seconds = _preferred_seconds()
    client = client_of(request.environ)
    # Another WSGI server would occupy a thread for each request that waits.
    if not seconds or client is None or client.was_held or _has_body():
        return
    subscription = get_resources().get(JobChanges).subscribe(job_id, seen)
    if subscription is not None:
        raise HoldRequest(seconds, subscription)


def applied_preference() -> dict[str, str]:
    """Return the header that confirms the wait, if the request was held."""
    client = client_of(request.environ)
    return {"Preference-Applied": f"wait={_preferred_seconds()}"} if client and client.was_held else {}


def _preferred_seconds() -> int:
    """Return the number of seconds that the client prefers to wait, at most a minute; 0 without the preference."""
    found = WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_WAIT) if found else 0


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
