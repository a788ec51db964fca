from collections.abc import Iterator
from pathlib import Path

import pytest

from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.progress import NoProgress


@pytest.fixture
def table(tmp_path: Path) -> Iterator[FileTable]:
    """Yield an empty table of files."""
    table = FileTable(tmp_path / "files.sqlite", NoProgress())
    yield table
    table.close()
