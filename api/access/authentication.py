"""How a caller proves who it is, as the setting `authentication` says.

    none, open    a header names the user, and is believed (`none`: of this machine only), see `api.access.header_auth`
    proxy         the same, of proxies that are trusted
    token         a token, static or of an issuer, see `api.access.token_auth`

Made by `api.app` for each process, and once by `api.server` to find out at start whether it can be.
"""

from collections.abc import Callable, Iterator

from flask import Request

from api.access.header_auth import ByHeader, ByTrustedHeader
from api.access.proven import Proven
from api.access.token_auth import ByToken
from ingest.settings.access import PROXY, TOKEN
from ingest.settings.loading import Settings
from ingest.settings.submitters import UNCHECKED

# Returns what a request has proven about the user who makes it, or raises a RequestError.
Authentication = Callable[[Request], Proven]


def make_authentication(settings: Settings) -> Authentication:
    """Make what the settings say; raises ConfigurationError when a file of tokens or secrets cannot be used."""
    if settings.authentication == PROXY:
        return ByTrustedHeader(settings)
    if settings.authentication == TOKEN:
        return ByToken(settings)
    return ByHeader(settings)


def unchecked(settings: Settings) -> Iterator[str]:
    """Yield a sentence, for the log at start, for each thing about callers that the settings leave unchecked."""
    if settings.authentication == PROXY and settings.proxy_secret_file is None:
        yield (
            "every account of a machine in trusted_proxies can claim to be any user: let the proxy prove itself with a "
            "secret (INGEST_PROXY_SECRET_FILE, docs/how-to/control-access.md)"
        )
    if settings.authentication in (PROXY, TOKEN) and settings.submitter_check == UNCHECKED:
        yield (
            "each uploader may name any submitter in the metadata: let the service compare them "
            "(INGEST_SUBMITTER_CHECK, docs/how-to/control-access.md)"
        )
