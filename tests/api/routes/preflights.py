"""Documents, requests and verdicts of the tests of preflight, and what a request must leave unchanged."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from pydantic import BaseModel

from api.openapi.preflight_schemas import Acceptable, Unacceptable
from tests.api.live_server import Server, execute
from tools.bundles import Entry, file_entry
from tools.waiting import wait_until

FILE = file_entry("data/a", b"a")
SOURCE = file_entry("data/a", b"a", source="/srv/a")
JSON = {"Content-Type": "application/json"}
HEAD = b"POST /preflight HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
TEMPORARY_TABLES = "SELECT relname FROM pg_class WHERE relname IN ('job', 'file', 'event') AND relpersistence = 't'"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


def check(server: Server, entries: list[Entry] | bytes, path: str = "/preflight", **headers: str) -> requests.Response:
    body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return requests.post(server.url + path, data=body, headers={**JSON, **headers}, timeout=60)


def verdict(answer: requests.Response) -> dict[str, Any]:
    """Return the verdict, which has the documented form."""
    kind: type[BaseModel] = Acceptable if answer.status_code == 200 else Unacceptable
    document: dict[str, Any] = answer.json()
    kind.model_validate(document, strict=True)
    return document


def codes(answer: requests.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [fault["code"] for fault in verdict(answer)["faults"]]


def contents_of(url: str) -> object:
    """Return the number of rows of every table, and the last value of every sequence."""
    counts = {table: execute(url, f'SELECT count(*) FROM "{table}"') for (table,) in execute(url, TABLES)}
    return counts, execute(url, SEQUENCES)


@contextmanager
def unchanged(database_url: str, spool: Path) -> Iterator[None]:
    """Check that the `with` block changes no table, no sequence and no file in the spool."""
    before = contents_of(database_url), sorted(spool.iterdir())
    yield
    assert (contents_of(database_url), sorted(spool.iterdir())) == before
    wait_until(lambda: not execute(database_url, TEMPORARY_TABLES), 60, lambda: "temporary tables remain")
