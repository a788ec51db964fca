"""The errors of requests that are not let in: 401 where proof of who calls is missing or wrong, 403 where it cannot help.

Raised by `api.access.auth` and what it is made of. Their texts say what to mend, and nothing of what was sent: tokens are
secret, and what is no token may be a password.
"""

from http import HTTPStatus

from api.request_errors import RequestError

REALM = 'realm="pacifica-ingest"'
# Of a service that somebody has to mend, or that is just starting.
RETRY_SECONDS = 10


class NotAuthenticated(RequestError):
    """Nothing in the request says who calls.

    `scheme` is the way that would.
    """

    code = "not_authenticated"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, text: str, scheme: str) -> None:
        super().__init__(text, {"WWW-Authenticate": f"{scheme} {REALM}"})


class TokenInvalid(RequestError):
    """The token of the request is not taken.

    The reason is a text of ours, because it becomes part of a header (RFC 6750, 3).
    """

    code = "token_invalid"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, reason: str) -> None:
        challenge = f'Bearer {REALM}, error="invalid_token", error_description="{reason}"'
        super().__init__(f"the token is not taken: {reason}", {"WWW-Authenticate": challenge})


class NotTrusted(RequestError):
    """The other end of the connection is not one whose word counts."""

    code = "caller_not_trusted"
    status = HTTPStatus.FORBIDDEN


class NotAllowed(RequestError):
    """The role of the caller does not include the call."""

    code = "not_allowed"
    status = HTTPStatus.FORBIDDEN


class CrossSite(RequestError):
    """A page of another site has made a browser send the request."""

    code = "cross_site"
    status = HTTPStatus.FORBIDDEN


class HostInvalid(RequestError):
    """There is no `Host` header, or it names no host."""

    code = "host_invalid"


class HostNotAllowed(RequestError):
    """The `Host` header holds a name that is not one of the service's."""

    code = "host_not_allowed"
    status = HTTPStatus.MISDIRECTED_REQUEST


class UserNameInvalid(RequestError):
    """What the request says is no name of a user."""

    code = "user_name_invalid"
    status = HTTPStatus.BAD_REQUEST


class TokensUnavailable(RequestError):
    """Whether a token is good cannot be found out now: the token file cannot be read, or the issuer is away."""

    code = "tokens_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, text: str) -> None:
        super().__init__(text, {"Retry-After": str(RETRY_SECONDS)})
