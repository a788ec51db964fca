"""What the server made of an upload: one job with the bytes that were sent."""

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.api.live_server import Server

TIMEOUT_SECONDS = 60


@dataclass
class Made:
    """The job that a block made; known at the end of the block."""

    job: int = 0


@contextmanager
def makes_one_job(server: Server, bundle: Path) -> Iterator[Made]:
    """Check that the block makes exactly one job, whose bundle in the spool is identical to the one that was sent."""
    before, made = set(server.rows()), Made()
    yield made
    (made.job,) = set(server.rows()) - before
    stored = server.spool / server.rows()[made.job]["spool_name"]
    assert filecmp.cmp(stored, bundle, shallow=False)
    stored.unlink()


def upload_document(url: str) -> dict[str, Any]:
    """Return the JSON of an upload."""
    answer = requests.get(url, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
