"""A server of its own: uploads that are not complete stay in its spool between the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.api.live_server import Server, execute, serving
from tests.faults.points import Points

MIB = 1024**2


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    return Points(tmp_path_factory.mktemp("points"))


@pytest.fixture(scope="package")
def shared_spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resumable", numbered=True)


@pytest.fixture(scope="package")
def server(shared_spool: Path, database_url: str, points: Points) -> Iterator[Server]:
    with serving(shared_spool, database_url, INGEST_FAILPOINTS=points.folder) as server:
        yield server
        server.forget_uploads()


@pytest.fixture(autouse=True)
def no_upload_remains(database_url: str) -> Iterator[None]:
    """Delete the rows that reserve space, which tests of other folders would find in the same database."""
    yield
    execute(database_url, "DELETE FROM upload RETURNING 1")


@pytest.fixture
def bundle() -> bytes:
    """Return bytes that differ at every offset."""
    return Random(15).randbytes(3 * MIB + 17)
