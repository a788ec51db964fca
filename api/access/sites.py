"""Refuse cross-site requests and foreign host names, before the caller is authenticated and the body is read.

Registered by `api.app` before `api.access.auth`. A browser sends requests for the page of any site, with the rights of its
user. It names the site in `Origin` and `Sec-Fetch-Site`, which no page can forge; other clients send neither header. A site
can also resolve its own name to the address of this service (DNS rebinding): `Host` then holds that name.
"""

import logging
import re

from flask import Flask, current_app, request

from api.access.access_errors import CrossSite, HostInvalid, HostNotAllowed
from api.access.declarations import access_of
from api.request_errors import RequestError
from api.resources import get_resources
from ingest.settings.access import ANY_HOST, NONE
from ingest.settings.loading import Settings
from ingest.system.addresses import is_loopback

logger = logging.getLogger(__name__)

AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[0-9a-z_.-]+)(?::(?P<port>[0-9]{0,5}))?", re.IGNORECASE)
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?P<authority>[^/?#]+)", re.IGNORECASE)
DEFAULT_PORTS = frozenset({"80", "443"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Values of `Sec-Fetch-Site` for requests that no other site caused.
OWN_SITE = frozenset({"same-origin", "none"})
LOCAL_NAME = "localhost"


def register(app: Flask) -> None:
    """Refuse requests of other sites before any view is called."""
    app.before_request(admit)


def admit() -> None:
    """Check `Host`, `Origin` and `Sec-Fetch-Site`; called by Flask. Raises HostInvalid, HostNotAllowed, CrossSite."""
    settings = get_resources().settings
    try:
        host = request.environ.get("HTTP_HOST")
        _check_host(settings, host)
        if request.method not in SAFE_METHODS:
            _check_site(settings, host)
    except RequestError as error:
        logger.info("%s of %r from %s refused: %s", request.method, request.path, request.remote_addr, error.code)
        raise


def _check_host(settings: Settings, host: str | None) -> None:
    if host is None:
        # HTTP/1.0 does not require it (RFC 9112, 3.2); browsers always send it.
        if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            return
        raise HostInvalid("the Host header is missing: send the name of this service in it")
    found = AUTHORITY.fullmatch(host)
    if found is None:
        raise HostInvalid("the Host header is malformed: send the name of this service, and its port")
    name = _plain(found["name"])
    if not access_of(current_app, request.endpoint).any_host and not _is_allowed(settings, name):
        raise HostNotAllowed(f"{name} is not a name of this service; an admin can add it to allowed_hosts")


def _is_allowed(settings: Settings, name: str) -> bool:
    if ANY_HOST in settings.allowed_hosts or name in settings.allowed_hosts or _is_local(name):
        return True
    # With authentication by a proxy or a token, a page of another site has no rights, whatever its name resolves to.
    return not settings.allowed_hosts and settings.authentication != NONE


def _is_local(name: str) -> bool:
    return name == LOCAL_NAME or name.endswith(f".{LOCAL_NAME}") or is_loopback(name)


def _check_site(settings: Settings, host: str | None) -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is None and site is None:
        return
    authority = _authority_of(origin)
    if authority is not None and authority[0] in settings.allowed_hosts:
        return
    is_own = origin is None or (authority is not None and authority == _split(host or ""))
    if not is_own or site not in (None, *OWN_SITE):
        raise CrossSite("pages of other sites must not send this request; an admin can add their host to allowed_hosts")


def _authority_of(origin: str | None) -> tuple[str, str] | None:
    found = ORIGIN.fullmatch(origin or "")
    return _split(found["authority"]) if found else None


def _split(authority: str) -> tuple[str, str] | None:
    """Return name and port; the port is empty where it is the default of a scheme."""
    found = AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    port = found["port"] or ""
    return _plain(found["name"]), "" if port in DEFAULT_PORTS else port


def _plain(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")
