"""Fixtures of the tests of settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.settings.ini_file import warn_once
from tests.settings.cases import WithIni


@pytest.fixture(autouse=True)
def nothing_warned_yet() -> Iterator[None]:
    """Forget earlier warnings: a process warns once, and all tests are one process."""
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


@pytest.fixture
def with_ini(tmp_path: Path) -> WithIni:
    def write(text: str | bytes) -> dict[str, str]:
        path = tmp_path / "ingest.ini"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return {"INGEST_CONFIG": str(path)}

    return write
