"""Authentication by a token: `Authorization: Bearer <token>` (RFC 6750), a static token or a JSON Web Token.

Made by `api.access.authentication`. A static token is also accepted as the password of `Authorization: Basic` (RFC 7617),
the only scheme that stock clients can send.
"""

import base64

from flask import Request

from api.access.access_errors import NotAuthenticated, TokenInvalid
from api.access.identity import Identity
from api.access.issuer import Issuer
from api.access.static_tokens import StaticTokens
from ingest.access import token_file
from ingest.settings.loading import Settings


class ByToken:
    """A token in the request identifies the user."""

    def __init__(self, settings: Settings) -> None:
        """Read the token file once; raises ConfigurationError when it cannot be used."""
        self._static = StaticTokens(settings.token_file) if settings.token_file is not None else None
        self._issuer = Issuer(settings) if settings.jwt_issuer else None

    def __call__(self, request: Request) -> Identity:
        """Return the user; raises NotAuthenticated, TokenInvalid, TokensUnavailable."""
        scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(credentials.strip())
        if scheme.lower() == "basic":
            return self._by_password(credentials.strip())
        raise NotAuthenticated("send a token: `Authorization: Bearer <token>`", "Bearer")

    def _by_token(self, token: str) -> Identity:
        if self._static is not None and token.startswith(token_file.PREFIX):
            return Identity(self._static.user_of(token))
        if self._issuer is not None:
            return self._issuer.identify(token)
        raise TokenInvalid("it is unknown")

    def _by_password(self, credentials: str) -> Identity:
        try:
            name, _, password = _decode(base64.b64decode(credentials, validate=True)).partition(":")
        except ValueError:
            raise TokenInvalid("the credentials are not in Base64") from None
        identity = self._by_token(password)
        if identity.user != name:
            raise TokenInvalid("it belongs to another user")
        return identity


def _decode(credentials: bytes) -> str:
    try:
        return credentials.decode()
    except UnicodeDecodeError:
        # RFC 7617 leaves the charset open; requests, and so the stock clients, use this one.
        return credentials.decode("latin-1")
