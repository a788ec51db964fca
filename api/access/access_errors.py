"""The errors of requests that are refused because of their caller, their host name or the site that caused them.

Raised by `api.access.auth`, `api.access.authentication` and `api.access.sites`. The texts say what to fix and quote nothing
that was sent: tokens are secret, and a malformed token may be a password.
"""

from http import HTTPStatus

from api.request_errors import RequestError

REALM = 'realm="pacifica-ingest"'
# After how long a client should try again while tokens cannot be checked.
RETRY_SECONDS = 10


class NotAuthenticated(RequestError):
    """The request has no credentials."""

    code = "not_authenticated"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, text: str, scheme: str) -> None:
        """`scheme` is the authentication scheme that the service accepts."""
        super().__init__(text, {"WWW-Authenticate": f"{scheme} {REALM}"})


class TokenInvalid(RequestError):
    """The token is not accepted."""

    code = "token_invalid"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, reason: str) -> None:
        """`reason` becomes part of a header (RFC 6750, 3), so it must be a text of this service."""
        challenge = f'Bearer {REALM}, error="invalid_token", error_description="{reason}"'
        super().__init__(f"the token is not accepted: {reason}", {"WWW-Authenticate": challenge})


class NotTrusted(RequestError):
    """The connection does not come from a trusted machine."""

    code = "caller_not_trusted"
    status = HTTPStatus.FORBIDDEN


class NotAllowed(RequestError):
    """The role of the caller does not permit the call."""

    code = "not_allowed"
    status = HTTPStatus.FORBIDDEN


class CrossSite(RequestError):
    """A page of another site made a browser send the request."""

    code = "cross_site"
    status = HTTPStatus.FORBIDDEN


class HostInvalid(RequestError):
    """The `Host` header is missing or malformed."""

    code = "host_invalid"


class HostNotAllowed(RequestError):
    """The `Host` header names another host."""

    code = "host_not_allowed"
    status = HTTPStatus.MISDIRECTED_REQUEST


class UserNameInvalid(RequestError):
    """The name of the user is malformed."""

    code = "user_name_invalid"
    status = HTTPStatus.BAD_REQUEST


class TokensUnavailable(RequestError):
    """Tokens cannot be checked now: the token file cannot be read, or the issuer is unavailable."""

    code = "tokens_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, text: str) -> None:
        super().__init__(text, {"Retry-After": str(RETRY_SECONDS)})


# The errors that `api.access.authentication` raises.
AUTHENTICATION_ERRORS = (NotAuthenticated, TokenInvalid, NotTrusted, UserNameInvalid, TokensUnavailable)
