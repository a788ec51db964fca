"""A real server on an empty ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.live_server import Server, serving_alone


@pytest.fixture
def empty_server(separate_engine: Engine, separate_url: str, tmp_path: Path) -> Iterator[Server]:
    with serving_alone(tmp_path, separate_url) as server:
        yield server
