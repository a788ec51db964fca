"""How a caller proves who it is, as the setting `authentication` says.

    none, open    a header names the user, and is believed (`none`: of this machine only), see `api.access.header_auth`
    proxy         the same, of proxies that are trusted
    token         a token, static or of an issuer, see `api.access.token_auth`

Made by `api.app` for each process, and once by `api.server` to find out at start whether it can be.
"""

from collections.abc import Callable

from flask import Request

from api.access.header_auth import ByHeader, ByTrustedHeader
from api.access.proven import Proven
from api.access.token_auth import ByToken
from ingest.configuration.access_settings import PROXY, TOKEN
from ingest.settings import Settings

# Returns what a request has proven about the user who makes it, or raises a RequestError.
Authentication = Callable[[Request], Proven]


def make_authentication(settings: Settings) -> Authentication:
    """Make what the settings say; raises ConfigurationError when the token file cannot be used."""
    if settings.authentication == PROXY:
        return ByTrustedHeader(settings)
    if settings.authentication == TOKEN:
        return ByToken(settings)
    return ByHeader(settings)
