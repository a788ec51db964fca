"""Who is calling, and whether they may: found out before each request, and so before its body is read.

Registered by `api.app`. How a caller proves who it is says `api.access.authentication`, what each may do `api.access.roles`.
"""

import logging
from typing import cast

from flask import Flask, Response, g, request

from api.access.access_errors import NotAllowed
from api.access.read_log import ReadLog
from api.access.roles import CALLS, PUBLIC, Caller, role_of
from api.request_errors import RequestError
from api.resources import get_resources

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Refuse requests that the caller may not make, and log the reads of all others."""
    app.before_request(admit)
    reads = ReadLog()

    def log_read(response: Response) -> Response:
        if "caller" in g:
            reads.record(caller(), response)
        return response

    app.after_request(log_read)


def admit() -> None:
    """Find out who calls, and refuse what they may not; called by Flask, also for addresses that do not exist."""
    endpoint = request.endpoint
    if endpoint is None or endpoint in PUBLIC:
        return
    try:
        g.caller = _allowed(endpoint)
    except RequestError as error:
        logger.info("%s of %s from %s refused: %s", request.method, endpoint, request.remote_addr, error.code)
        raise


def caller() -> Caller:
    """Give who makes the current request, which is not one of the public ones."""
    return cast(Caller, g.caller)


def _allowed(endpoint: str) -> Caller:
    resources = get_resources()
    proven = resources.authentication(request)
    user = proven.user
    found = Caller(user, role_of(resources.settings, user), proven.submitter)
    if found.role not in CALLS.get(endpoint, ()):
        raise NotAllowed(f"{user} is {found.role}, which may not do this")
    return found
