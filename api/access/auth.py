"""Authenticate and authorize the caller of each request, before the body is read. Registered by `api.app`.

`api.access.authentication` identifies the caller; each route declares the roles that may call it, and a route that declares
none is refused.
"""

import logging
from typing import cast

from flask import Flask, Response, g, request

from api.access.access_errors import NotAllowed
from api.access.authentication import Authentication
from api.access.declarations import access_of
from api.access.read_log import ReadLog
from api.access.roles import Access, Caller, role_of
from api.access.scrape_token import ScrapeToken
from api.request_errors import RequestError
from api.resources import get_resources, resources_of

logger = logging.getLogger(__name__)


def register(app: Flask, authenticate: Authentication) -> None:
    """Refuse requests that the caller may not make, and log the reads of all others."""
    reads = ReadLog()
    scrape_token = ScrapeToken(resources_of(app).settings)

    def admit() -> None:
        # Flask calls this for addresses that do not exist, too: they have no endpoint.
        endpoint = request.endpoint
        if endpoint is None or (access := access_of(app, endpoint)).is_public:
            return
        if access.by_scrape_token and scrape_token.is_sent(request):
            return
        try:
            g.caller = _authorize(authenticate, access)
        except RequestError as error:
            logger.info("%s of %s from %s refused: %s", request.method, endpoint, request.remote_addr, error.code)
            raise

    def log_read(response: Response) -> Response:
        if "caller" in g:
            reads.record(caller(), response)
        return response

    app.before_request(admit)
    app.after_request(log_read)


def caller() -> Caller:
    """Return the caller of the current request, whose call is not public."""
    return cast(Caller, g.caller)


def _authorize(authenticate: Authentication, access: Access) -> Caller:
    identity = authenticate(request)
    found = Caller(identity.user, role_of(get_resources().settings, identity.user), identity.submitter)
    if found.role not in access.roles:
        raise NotAllowed(f"the role {found.role} of {found.user} does not permit this call")
    return found
