"""How callers are authenticated, by the setting `authentication`.

    none, open    a header names the user, without proof (`none`: from this machine only), see `api.access.header_auth`
    proxy         the same, from trusted proxies only
    token         a token, static or from an issuer, see `api.access.token_auth`

Made by `api.app` in each process, and once by `api.server`, which thereby checks the settings at start.
"""

from collections.abc import Callable, Iterator

from flask import Request

from api.access.header_auth import ByHeader, ByTrustedHeader
from api.access.identity import Identity
from api.access.token_auth import ByToken
from ingest.settings.access import PROXY, TOKEN
from ingest.settings.loading import Settings
from ingest.settings.submitters import UNCHECKED

# Returns the identity that a request proves, or raises a RequestError.
Authentication = Callable[[Request], Identity]


def make_authentication(settings: Settings) -> Authentication:
    """Return the authentication that the settings describe.

    Raises ConfigurationError when a file of tokens or secrets cannot be used.
    """
    if settings.authentication == PROXY:
        return ByTrustedHeader(settings)
    if settings.authentication == TOKEN:
        return ByToken(settings)
    return ByHeader(settings)


def unchecked(settings: Settings) -> Iterator[str]:
    """Yield a warning for each property of callers that the settings leave unchecked, for the log at start."""
    if settings.authentication == PROXY and settings.proxy_secret_file is None:
        yield (
            "every account of a machine in trusted_proxies can claim to be any user: configure a secret for the proxy "
            "(INGEST_PROXY_SECRET_FILE, docs/how-to/control-access.md)"
        )
    if settings.authentication in (PROXY, TOKEN) and settings.submitter_check == UNCHECKED:
        yield (
            "uploaders can name any submitter in the metadata: configure a check of submitters "
            "(INGEST_SUBMITTER_CHECK, docs/how-to/control-access.md)"
        )
