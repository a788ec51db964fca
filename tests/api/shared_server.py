"""A server that identifies its users by tokens, and uploads of each user. Used by tests of shares."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from ingest.access import token_file
from tests.api.clients import POST
from tests.api.live_server import Server, serving

USERS = ("ada", "bob")


@dataclass(frozen=True)
class SharedServer:
    """A server, and the token of each user."""

    server: Server
    tokens: dict[str, str]

    def head(self, user: str, framing: str) -> bytes:
        """Return the head of an upload."""
        return POST + f"Authorization: Bearer {self.tokens[user]}\r\n{framing}\r\n\r\n".encode()

    def begin(self, user: str, size: int) -> socket.socket:
        """Announce a bundle and send its first byte."""
        connection = self.server.connect()
        connection.sendall(self.head(user, f"Content-Length: {size}") + b"x")
        return connection

    def send(self, user: str, size: int = 10) -> requests.Response:
        """Send a whole bundle."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}"}
        return requests.post(f"{self.server.url}/upload", data=b"x" * size, headers=headers, timeout=60)

    def is_ready(self) -> bool:
        """Return whether `/readyz` reports that uploads are accepted."""
        return requests.get(f"{self.server.url}/readyz", timeout=60).ok


@contextmanager
def shared_server(spool: Path, database_url: str, **settings: object) -> Iterator[SharedServer]:
    """Run a server with tokens; at its start the ledger has no jobs of its users."""
    tokens = spool.parent / f"{spool.name}-tokens.json"
    made = {user: token_file.add(tokens, f"{user} of {spool.parent.name}") for user in USERS}
    access: dict[str, Any] = {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": tokens}
    with serving(spool, database_url, **access, **settings) as server:
        server.forget_uploads()
        yield SharedServer(server, made)
