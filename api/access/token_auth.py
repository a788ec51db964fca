"""The user as a token proves it: `Authorization: Bearer <token>` (RFC 6750), a static one or a JSON Web Token.

Made by `api.access.auth`. A static token is also taken as the password of `Authorization: Basic` (RFC 7617), because that
is what stock clients can send.
"""

import base64

from flask import Request

from api.access.access_errors import NotAuthenticated, TokenInvalid
from api.access.issuer import Issuer
from api.access.proven import Proven
from api.access.static_tokens import StaticTokens
from ingest.access import token_file
from ingest.settings.loading import Settings


class ByToken:
    """A token in the request proves who calls."""

    def __init__(self, settings: Settings) -> None:
        """Read the token file once; raises ConfigurationError when it cannot be used."""
        self._static = StaticTokens(settings.token_file) if settings.token_file is not None else None
        self._issuer = Issuer(settings) if settings.jwt_issuer else None

    def __call__(self, request: Request) -> Proven:
        """Return the user; raises NotAuthenticated, TokenInvalid, TokensUnavailable."""
        scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() == "bearer":
            return self._user(credentials.strip())
        if scheme.lower() == "basic":
            return self._user_of_basic(credentials.strip())
        raise NotAuthenticated("send a token: `Authorization: Bearer <token>`", "Bearer")

    def _user(self, token: str) -> Proven:
        if self._static is not None and token.startswith(token_file.PREFIX):
            return Proven(self._static.user_of(token))
        if self._issuer is not None:
            return self._issuer.proven_by(token)
        raise TokenInvalid("it is not known")

    def _user_of_basic(self, credentials: str) -> Proven:
        try:
            name, _, password = _text(base64.b64decode(credentials, validate=True)).partition(":")
        except ValueError:
            raise TokenInvalid("the credentials are not in Base64") from None
        proven = self._user(password)
        if proven.user != name:
            raise TokenInvalid("it is another user's")
        return proven


def _text(credentials: bytes) -> str:
    try:
        return credentials.decode()
    except UnicodeDecodeError:
        # RFC 7617 leaves open what it is; requests, and so the stock clients, send this.
        return credentials.decode("latin-1")
