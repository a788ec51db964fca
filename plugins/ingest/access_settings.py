"""The settings that say who may call the API. Part of `ingest.setting_fields.Settings`; used by `api.auth`."""

from pathlib import Path

from pydantic import BaseModel

from ingest.setting_types import Words, option


class AccessSettings(BaseModel):
    """How callers prove who they are, and which of them see and do more than their own."""

    authentication: str = option(
        "none", "access", "authentication", "INGEST_AUTHENTICATION",
        description="How a caller proves who it is: `proxy` (the header of a proxy that is trusted), `token` (a bearer "
        "token), `none` (not at all: the API then listens on this machine only), `open` (not at all, and it may listen "
        "anywhere).",
        form="none, open, proxy or token", pattern=r"^(none|open|proxy|token)$",
    )  # fmt: skip
    auth_header: str = option(
        "X-Http-Authed-User", "ingest", "auth_header", "INGEST_AUTH_HEADER",
        description="The request header that names the user, set by the proxy in front.", form="a header's name",
        pattern=r"^[A-Za-z0-9-]+$",
    )  # fmt: skip
    default_user: str = option(
        "anonymous", "ingest", "default_user", "INGEST_DEFAULT_USER",
        description="The user of requests without that header.", form="a name", min_length=1,
    )  # fmt: skip
    trusted_proxies: Words = option(
        ("127.0.0.1", "::1"), "access", "trusted_proxies", "INGEST_TRUSTED_PROXIES",
        description="With `proxy`: the only addresses whose header is believed.",
        form="addresses or networks, separated by commas",
    )  # fmt: skip
    token_file: Path | None = option(
        None, "access", "token_file", "INGEST_TOKEN_FILE",
        description="With `token`: the file of tokens that do not expire, kept as hashes (`pacifica-ingest-cmd token`).",
        form="a file",
    )  # fmt: skip
    jwt_issuer: str = option(
        "", "access", "jwt_issuer", "INGEST_JWT_ISSUER",
        description="With `token`: the issuer whose JSON Web Tokens are taken; empty: none are.",
        form="the text of its `iss`",
    )  # fmt: skip
    jwt_audience: str = option(
        "pacifica-ingest", "access", "jwt_audience", "INGEST_JWT_AUDIENCE",
        description="The audience that such a token must be made for.", form="the text of its `aud`", min_length=1,
    )  # fmt: skip
    jwks_url: str | None = option(
        None, "access", "jwks_url", "INGEST_JWKS_URL",
        description="Where the issuer's public keys are (a JSON Web Key Set).", form="an https, http or file URL",
        pattern=r"^(https?://\S+|file:///\S.*)$",
    )  # fmt: skip
    jwt_user_claim: str = option(
        "sub", "access", "jwt_user_claim", "INGEST_JWT_USER_CLAIM",
        description="The claim of such a token that names the user.", form="a claim's name", min_length=1,
    )  # fmt: skip
    operators: Words = option(
        (), "access", "operators", "INGEST_OPERATORS",
        description="Users who see the jobs of all, and upload nothing.", form="names, separated by commas",
    )  # fmt: skip
    admins: Words = option(
        (), "access", "admins", "INGEST_ADMINS",
        description="Users who see the jobs of all, and may upload.", form="names, separated by commas",
    )  # fmt: skip
