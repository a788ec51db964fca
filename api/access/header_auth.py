"""The user as a header names it: believed of everybody, of this machine only, or of proxies that are trusted.

Made by `api.access.auth`. `X-Forwarded-For` and its like are never looked at: who is trusted is the other end of the
connection, which nobody can claim to be.
"""

from flask import Request

from api.access.access_errors import NotAuthenticated, NotTrusted, UserNameInvalid
from api.access.proven import Proven
from api.access.proxy_secret import HEADER, ProxySecret
from ingest.access.user_names import invalid_reason
from ingest.settings.access import NONE
from ingest.settings.loading import Settings
from ingest.system.addresses import is_loopback, is_within, read_network

# A 401 must name a scheme (RFC 9110, 11.6.1); there is no registered one of proxies that authenticate.
SCHEME = "Trusted-Proxy"


class ByHeader:
    """The header names the user, whoever has sent it; without it, the caller is the default user."""

    def __init__(self, settings: Settings) -> None:
        self._header = settings.auth_header
        self._default = settings.default_user
        self._local_only = settings.authentication == NONE

    def __call__(self, request: Request) -> Proven:
        """Return the user; raises NotTrusted, UserNameInvalid."""
        # Here too, because under another WSGI server nobody has checked where it listens.
        if self._local_only and not is_loopback(request.remote_addr):
            raise NotTrusted("without authentication only this machine itself is let in")
        return Proven(named(request, self._header) or self._default)


class ByTrustedHeader:
    """The header names the user when a trusted proxy has sent it."""

    def __init__(self, settings: Settings) -> None:
        """Read the proxy's secret; raises ConfigurationError when its file cannot be used."""
        self._header = settings.auth_header
        self._proxies = tuple(read_network(word) for word in settings.trusted_proxies)
        self._secret = ProxySecret(settings.proxy_secret_file) if settings.proxy_secret_file is not None else None

    def __call__(self, request: Request) -> Proven:
        """Return the user; raises NotTrusted, NotAuthenticated, UserNameInvalid."""
        if not is_within(request.remote_addr, self._proxies):
            raise NotTrusted(f"{request.remote_addr} is not one of the proxies that are trusted")
        if self._secret is not None and not self._secret.is_proven_by(request.headers.get(HEADER, "")):
            raise NotTrusted(f"{HEADER} does not hold the secret of the proxy")
        name = named(request, self._header)
        if not name:
            raise NotAuthenticated(f"the proxy has set no {self._header}", SCHEME)
        # WSGI hands over two headers of one name as one. A proxy that adds its own to the client's would let in anybody.
        if "," in name:
            raise UserNameInvalid(f"{self._header} was sent twice, or holds a comma")
        return Proven(name)


def named(request: Request, header: str) -> str:
    """Give the name that a header holds, or an empty text; raises UserNameInvalid."""
    # Not all white space: in Latin-1, which WSGI hands every header over as, `à` ends with one.
    value = request.headers.get(header, "").strip(" \t")
    try:
        name = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise UserNameInvalid(f"{header} is not UTF-8") from None
    if name and (found := invalid_reason(name)):
        raise UserNameInvalid(f"the name in {header} {found}")
    return name
