"""JSON Web Tokens of an issuer (RFC 7519), validated as RFC 8725 recommends. Used by `api.access.token_auth`.

The key determines the algorithm, never the token; shared secrets (HS256) and `none` are never accepted.
"""

import jwt

from api.access.access_errors import TokenInvalid
from api.access.identity import Identity
from api.access.key_set import ALGORITHMS, KeySet
from ingest.access.user_names import invalid_reason
from ingest.settings.loading import Settings
from ingest.settings.submitters import CLAIM

# How far the clocks of the issuer and of this machine may differ.
LEEWAY_SECONDS = 30
REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.InvalidIssuerError, "it is from another issuer"),
    (jwt.MissingRequiredClaimError, "it lacks a claim"),
)


class Issuer:
    """A trusted issuer of tokens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = KeySet(str(settings.jwks_url))

    def identify(self, token: str) -> Identity:
        """Return the user and the submitter's id of a token; raises TokenInvalid, TokensUnavailable."""
        try:
            claims = self._claims(token)
        except jwt.PyJWTError as error:
            # The library's own messages may quote the token.
            reason = next((reason for kind, reason in REASONS if isinstance(error, kind)), "it is not valid")
            raise TokenInvalid(reason) from None
        user = claims[self._settings.jwt_user_claim]
        if not isinstance(user, str) or invalid_reason(user):
            raise TokenInvalid("its user claim is not a valid user name")
        return Identity(user, self._submitter(claims))

    def _submitter(self, claims: dict[str, object]) -> str | None:
        """Return the submitter's id as text; None if the settings require none or the token holds no valid id."""
        if self._settings.submitter_check != CLAIM:
            return None
        claim = claims.get(self._settings.jwt_submitter_claim)
        if type(claim) not in (int, str) or invalid_reason(str(claim)):
            return None
        return str(claim)

    def _claims(self, token: str) -> dict[str, object]:
        key = self._keys.find(jwt.get_unverified_header(token).get("kid"))
        settings = self._settings
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["iss", "aud", "exp", settings.jwt_user_claim],
                "enforce_minimum_key_length": True,
            },
        )
