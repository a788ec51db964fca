"""Real servers with authentication, and their callers: each with its role or with its fault."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ingest.access import token_file
from tests.api.access import issuer
from tests.api.live_server import Server, environment_of
from tests.api.server_process import server_process

OPERATOR, ADMIN, UPLOADER, REMOVED = "olga", "adam", "ursula", "ulf"
ROLES = {"INGEST_OPERATORS": OPERATOR, "INGEST_ADMINS": ADMIN, "INGEST_MOVE_RULES": "*: /srv/{user}"}
HEADER = "X-Http-Authed-User"
# Both are addresses of this machine; only the first is a trusted proxy.
TRUSTED, UNTRUSTED = "127.0.0.2", "127.0.0.1"
# The static tokens by their users.
Tokens = Mapping[str, str]

KEY, OTHER_KEY = issuer.make_key("ES256"), issuer.make_key("ES256")


@dataclass(frozen=True)
class Caller:
    """A caller: the headers and the address of its requests."""

    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    address: str = UNTRUSTED

    def request(self, server: Server, method: str, path: str, **more: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", FromAddress(self.address))
            headers: dict[str, str | bytes] = {"Content-Type": "application/json", **self.headers}
            return session.request(method, server.url + path, headers=headers, timeout=30, **more)


class FromAddress(HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self._address, 0), **more)


@dataclass(frozen=True)
class AccessServer(Server):
    """A server, and the file of its log."""

    log: Path

    def log_text(self) -> str:
        return self.log.read_text()


@contextmanager
def serving(folder: Path, database_url: str, settings: Mapping[str, str]) -> Iterator[AccessServer]:
    """Run the real server with these settings."""
    spool = folder / "spool"
    spool.mkdir()
    with server_process(folder, {**environment_of(spool, database_url), **settings}) as process:
        yield AccessServer(("127.0.0.1", process.port), spool, database_url, process.id, process.log)


def token_settings(folder: Path) -> dict[str, str]:
    """Return the settings of a server that accepts static tokens and those of an issuer; the files are in `folder`."""
    keys = issuer.write_key_set(folder / "keys.json", issuer.public(KEY, "ES256", "one"))
    return {
        **ROLES,
        "INGEST_AUTHENTICATION": "token",
        "INGEST_TOKEN_FILE": str(folder / "tokens.json"),
        "INGEST_JWT_ISSUER": issuer.NAME,
        "INGEST_JWKS_URL": keys,
    }


def proxy_settings() -> dict[str, str]:
    return {**ROLES, "INGEST_AUTHENTICATION": "proxy", "INGEST_TRUSTED_PROXIES": TRUSTED}


def bearer(token: str) -> Caller:
    return Caller({"Authorization": f"Bearer {token}"})


def basic(user: str, password: str) -> Caller:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Caller({"Authorization": f"Basic {credentials}"})


def signed(user: str, **changed: object) -> Caller:
    return bearer(issuer.sign(KEY, "ES256", "one", user, **changed))


def make_tokens(file: Path) -> Tokens:
    """Create a static token for each user, and one that is removed again."""
    tokens = {user: token_file.add(file, user) for user in (UPLOADER, OPERATOR, ADMIN, REMOVED)}
    token_file.remove(file, lambda token: token.user == REMOVED)
    return tokens


# The column of the table for a caller, and a function that creates the caller.
TOKEN_CALLERS: dict[str, tuple[str, Callable[[Tokens], Caller]]] = {
    "no token": ("not proven", lambda _: Caller()),
    "the header alone": ("not proven", lambda _: Caller({HEADER: ADMIN}, TRUSTED)),
    "wrong token": ("not proven", lambda tokens: bearer(tokens[ADMIN][:-1] + "!")),
    "removed token": ("not proven", lambda tokens: bearer(tokens[REMOVED])),
    "another's password": ("not proven", lambda tokens: basic(ADMIN, tokens[UPLOADER])),
    "forged token": ("not proven", lambda _: bearer(issuer.sign(OTHER_KEY, "ES256", "one", ADMIN))),
    "expired token": ("not proven", lambda _: signed(ADMIN, exp=int(time.time()) - 3600)),
    "uploader, static token": ("uploader", lambda tokens: bearer(tokens[UPLOADER])),
    "uploader, password": ("uploader", lambda tokens: basic(UPLOADER, tokens[UPLOADER])),
    "uploader, issuer": ("uploader", lambda _: signed(UPLOADER)),
    "operator, static token": ("operator", lambda tokens: bearer(tokens[OPERATOR])),
    "operator, issuer": ("operator", lambda _: signed(OPERATOR)),
    "admin, static token": ("admin", lambda tokens: bearer(tokens[ADMIN])),
    "admin, issuer": ("admin", lambda _: signed(ADMIN)),
}
PROXY_CALLERS: dict[str, tuple[str, Caller]] = {
    "proxy that names nobody": ("not proven", Caller(address=TRUSTED)),
    "proxy that names an empty user": ("not proven", Caller({HEADER: ""}, TRUSTED)),
    "no trusted proxy": ("not trusted", Caller({HEADER: ADMIN}, UNTRUSTED)),
    "no trusted proxy, which names one": (
        "not trusted",
        Caller({HEADER: ADMIN, "X-Forwarded-For": TRUSTED, "X-Real-IP": TRUSTED, "Forwarded": f"for={TRUSTED}"}),
    ),
    "uploader, proxy": ("uploader", Caller({HEADER: UPLOADER}, TRUSTED)),
    "operator, proxy": ("operator", Caller({HEADER: OPERATOR}, TRUSTED)),
    "admin, proxy": ("admin", Caller({HEADER: ADMIN}, TRUSTED)),
}
