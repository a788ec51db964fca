"""Uploads with an `Idempotency-Key`, and what their answers say. Used by the tests of keys."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.api.live_server import Server, serving

BODY = bytes(range(256)) * 10_000 + b"end"
USER = "X-Http-Authed-User"
NONE: Mapping[str, str] = {}


@contextmanager
def serving_two(folder: Path, database_url: str, **environment: object) -> Iterator[tuple[Server, Server]]:
    """Run two servers that share a spool in a folder and their database, as on two hosts."""
    spool = folder / "spool"
    spool.mkdir()
    with serving(spool, database_url, **environment) as one, serving(spool, database_url, **environment) as other:
        yield one, other


def send(
    server: Server,
    key: str | None,
    body: bytes | Iterator[bytes] = BODY,
    path: str = "ingest",
    headers: Mapping[str, str] = NONE,
) -> requests.Response:
    """Send a bundle or a move document with a key, and with further headers."""
    content_type = {"Content-Type": "application/json" if path == "move" else "application/octet-stream"}
    with_key = {} if key is None else {"Idempotency-Key": f'"{key}"'}
    return requests.post(f"{server.url}/{path}", data=body, headers={**content_type, **with_key, **headers}, timeout=60)


def refusal(answer: requests.Response) -> str:
    """Return status and code of an error."""
    return f"{answer.status_code} {answer.json()['code']}"


def is_replayed(answer: requests.Response) -> bool:
    """Return whether an earlier request created the job of an answer."""
    return answer.headers.get("Idempotency-Replayed") == "true"


def head(key: str, size: int, path: str = "ingest") -> bytes:
    """Return the head of an upload of `size` bytes."""
    lines = (
        f"POST /{path} HTTP/1.1",
        "Host: localhost",
        f'Idempotency-Key: "{key}"',
        f"Content-Length: {size}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()
