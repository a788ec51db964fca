"""The settings that determine who may call the API.

Part of `ingest.settings.fields.Settings`; used by `api.access`.
"""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, model_validator
from pydantic_core import PydanticCustomError

from ingest.access.user_names import invalid_reason
from ingest.settings.types import EXPLAINED, Words, option
from ingest.system.addresses import read_address, read_network

NONE = "none"
OPEN = "open"
PROXY = "proxy"
TOKEN = "token"  # noqa: S105 - not a secret but the name of a kind of authentication

# A value of the setting `allowed_hosts` that switches the check off.
ANY_HOST = "*"
HOST_NAME = re.compile(r"[0-9a-z_-]+(\.[0-9a-z_-]+)*")


def check_networks(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse words that are neither an address nor a network, and networks that contain every address."""
    for word in words:
        try:
            contains_all = read_network(word).prefixlen == 0
        except ValueError:
            raise PydanticCustomError(
                EXPLAINED, "names {word}, which is neither an address nor a network", {"word": word}
            ) from None
        if contains_all:
            raise PydanticCustomError(
                EXPLAINED,
                "names {word}, which contains every address: use authentication `open` instead",
                {"word": word},
            )
    return words


def check_user_names(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse words that are not valid user names."""
    for word in words:
        if found := invalid_reason(word):
            raise PydanticCustomError(EXPLAINED, "contains a name that {found}", {"found": found})
    return words


def check_hosts(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse words that are neither the name nor the address of a host; return them in lower case."""
    hosts = tuple(word.lower().strip("[]") for word in words)
    for word, host in zip(words, hosts, strict=True):
        if host != ANY_HOST and not HOST_NAME.fullmatch(host) and read_address(host) is None:
            raise PydanticCustomError(
                EXPLAINED,
                "names {word}, which is neither a host nor an address; leave out scheme, port and path",
                {"word": word},
            )
    return hosts


Hosts = Annotated[Words, AfterValidator(check_hosts)]
Networks = Annotated[Words, AfterValidator(check_networks)]
UserNames = Annotated[Words, AfterValidator(check_user_names)]


class AccessSettings(BaseModel):
    """Authentication of callers, and the users with permissions for other users' jobs."""

    authentication: str = option(
        "none", "access", "authentication", "INGEST_AUTHENTICATION",
        description="How callers are authenticated: `proxy` (the header of a trusted proxy), `token` (a bearer token), "
        "`none` (not at all, and the API listens on this machine only), `open` (not at all, and the API may listen on any "
        "address).",
        form="none, open, proxy or token", pattern=r"^(none|open|proxy|token)$",
    )  # fmt: skip
    auth_header: str = option(
        "X-Http-Authed-User", "ingest", "auth_header", "INGEST_AUTH_HEADER",
        description="The request header that names the user, set by the proxy in front.", form="a header's name",
        pattern=r"^[A-Za-z0-9-]+$",
    )  # fmt: skip
    default_user: str = option(
        "anonymous", "ingest", "default_user", "INGEST_DEFAULT_USER",
        description="The user of requests without the header `auth_header`.", form="a name", min_length=1,
    )  # fmt: skip
    trusted_proxies: Networks = option(
        ("127.0.0.1", "::1"), "access", "trusted_proxies", "INGEST_TRUSTED_PROXIES",
        description="With `proxy`: the only addresses whose header is trusted.",
        form="addresses or networks, separated by commas",
    )  # fmt: skip
    proxy_secret_file: Path | None = option(
        None, "access", "proxy_secret_file", "INGEST_PROXY_SECRET_FILE",
        description="With `proxy`: the file with the secret that the proxy sends in `X-Ingest-Proxy-Secret`. Each line is a "
        "valid secret, so a secret can be replaced without an interruption. Without the file, every account on a machine "
        "in `trusted_proxies` can claim to be any user.",
        form="a file",
    )  # fmt: skip
    allowed_hosts: Hosts = option(
        (), "access", "allowed_hosts", "INGEST_ALLOWED_HOSTS",
        description="The names and addresses under which clients reach the API (`Host`); web pages on these hosts may "
        "upload. Names of this machine itself (`localhost`) are always allowed. If empty: with authentication `none` no "
        "other names, otherwise all names. `*`: all names.",
        form="names or addresses of hosts without a port, separated by commas, or *",
    )  # fmt: skip
    token_file: Path | None = option(
        None, "access", "token_file", "INGEST_TOKEN_FILE",
        description="With `token`: the file of static tokens, stored as hashes (`pacifica-ingest-cmd token`).",
        form="a file",
    )  # fmt: skip
    jwt_issuer: str = option(
        "", "access", "jwt_issuer", "INGEST_JWT_ISSUER",
        description="With `token`: the issuer whose JSON Web Tokens are accepted; empty: none.",
        form="the text of its `iss`",
    )  # fmt: skip
    jwt_audience: str = option(
        "pacifica-ingest", "access", "jwt_audience", "INGEST_JWT_AUDIENCE",
        description="The audience that a JSON Web Token must have.", form="the text of its `aud`", min_length=1,
    )  # fmt: skip
    jwks_url: str | None = option(
        None, "access", "jwks_url", "INGEST_JWKS_URL",
        description="The URL of the issuer's public keys (a JSON Web Key Set).", form="an https, http or file URL",
        pattern=r"^(https?://\S+|file:///\S.*)$", repr=False,
    )  # fmt: skip
    jwt_user_claim: str = option(
        "sub", "access", "jwt_user_claim", "INGEST_JWT_USER_CLAIM",
        description="The claim of a JSON Web Token that names the user.", form="a claim's name", min_length=1,
    )  # fmt: skip
    metrics_token_file: Path | None = option(
        None, "access", "metrics_token_file", "INGEST_METRICS_TOKEN_FILE",
        description="The file with the token that Prometheus sends to read `GET /metrics` (`Authorization: Bearer`). Each "
        "line is a valid token. Without the file, operators and admins may read it, and with authentication `none` and "
        "`open` everyone.",
        form="a file",
    )  # fmt: skip
    operators: UserNames = option(
        (), "access", "operators", "INGEST_OPERATORS",
        description="Users who see all jobs and may not upload.", form="names, separated by commas",
    )  # fmt: skip
    admins: UserNames = option(
        (), "access", "admins", "INGEST_ADMINS",
        description="Users who see all jobs and may upload.", form="names, separated by commas",
    )  # fmt: skip

    @model_validator(mode="after")
    def check_together(self) -> Self:
        """Refuse combinations of valid settings that do not determine which callers are trusted."""
        if self.authentication == PROXY and not self.trusted_proxies:
            raise contradiction("trusted_proxies", "must name the proxies whose header is trusted")
        if self.authentication == TOKEN:
            self._check_tokens()
        if both := sorted({*self.operators} & {*self.admins}):
            raise contradiction("operators", f"{both[0]!r} is also in admins; an operator may not upload, an admin may")
        return self

    def _check_tokens(self) -> None:
        if self.token_file is None and not self.jwt_issuer:
            raise contradiction("token_file", "with authentication `token` it must be set, or jwt_issuer and jwks_url")
        if self.jwt_issuer and self.jwks_url is None:
            raise contradiction("jwks_url", "with jwt_issuer it must be set")
        if self.jwks_url is not None and not self.jwt_issuer:
            raise contradiction("jwt_issuer", "with jwks_url it must be set")


def contradiction(field: str, sentence: str) -> PydanticCustomError:
    """Return the error of a setting that contradicts another one; `ingest.settings.loading` adds its name."""
    return PydanticCustomError(EXPLAINED, "{sentence}", {"field": field, "sentence": sentence})
