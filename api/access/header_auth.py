"""Authentication by a header that names the user: accepted from everyone, from this machine, or from trusted proxies.

Made by `api.access.authentication`. `X-Forwarded-For` and similar headers are ignored: trust depends on the address of the
connection, which cannot be forged.
"""

from flask import Request

from api.access.access_errors import NotAuthenticated, NotTrusted, UserNameInvalid
from api.access.identity import Identity
from api.access.proxy_secret import HEADER, ProxySecret
from ingest.access.user_names import invalid_reason
from ingest.settings.access import NONE
from ingest.settings.loading import Settings
from ingest.system.addresses import is_loopback, is_within, read_network

# A 401 must name a scheme (RFC 9110, 11.6.1); none is registered for proxies that authenticate users.
SCHEME = "Trusted-Proxy"


class ByHeader:
    """The header names the user, whatever sent it; without the header the caller is the default user."""

    def __init__(self, settings: Settings) -> None:
        self._header = settings.auth_header
        self._default = settings.default_user
        self._local_only = settings.authentication == NONE

    def __call__(self, request: Request) -> Identity:
        """Return the user; raises NotTrusted, UserNameInvalid."""
        # `api.server` checks its own address, but another WSGI server may listen on any.
        if self._local_only and not is_loopback(request.remote_addr):
            raise NotTrusted("without authentication only connections from this machine are accepted")
        return Identity(read_user_name(request, self._header) or self._default)


class ByTrustedHeader:
    """The header names the user when a trusted proxy has sent it."""

    def __init__(self, settings: Settings) -> None:
        """Read the proxy's secret; raises ConfigurationError when its file cannot be used."""
        self._header = settings.auth_header
        self._proxies = tuple(read_network(word) for word in settings.trusted_proxies)
        self._secret = ProxySecret(settings.proxy_secret_file) if settings.proxy_secret_file is not None else None

    def __call__(self, request: Request) -> Identity:
        """Return the user; raises NotTrusted, NotAuthenticated, UserNameInvalid."""
        if not is_within(request.remote_addr, self._proxies):
            raise NotTrusted(f"{request.remote_addr} is not a trusted proxy")
        if self._secret is not None and not self._secret.matches(request.headers.get(HEADER, "")):
            raise NotTrusted(f"{HEADER} does not hold the secret of the proxy")
        name = read_user_name(request, self._header)
        if not name:
            raise NotAuthenticated(f"the proxy has not set {self._header}", SCHEME)
        # WSGI joins two headers of one name with a comma: a proxy that appends its own header would admit anyone.
        if "," in name:
            raise UserNameInvalid(f"{self._header} was sent twice, or holds a comma")
        return Identity(name)


def read_user_name(request: Request, header: str) -> str:
    """Return the name in a header, or an empty text; raises UserNameInvalid."""
    # Strips only blanks and tabs: WSGI decodes headers as Latin-1, in which the UTF-8 of `à` ends with white space.
    value = request.headers.get(header, "").strip(" \t")
    try:
        name = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise UserNameInvalid(f"{header} is not UTF-8") from None
    if name and (reason := invalid_reason(name)):
        raise UserNameInvalid(f"the name in {header} {reason}")
    return name
