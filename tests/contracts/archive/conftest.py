import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.services.archive import Archive
from ingest.services.archive_listing import posix_name
from tests.contracts.conftest import BUILT_IN, PACIFICA, UNPRIVILEGED, Connect
from tests.contracts.unprivileged_archive import give_to_archive_account
from tools.pacifica_core.services import ARCHIVE

MakeSource = Callable[..., Path]
# The path of an id's file in an archive.
StoredAt = Callable[[int], Path]


@pytest.fixture(params=[BUILT_IN, PACIFICA, UNPRIVILEGED])
def form(request: pytest.FixtureRequest) -> str:
    """Return the name of an implementation: the archive has one more than the other services."""
    return str(request.param)


@pytest.fixture
def archive(connect: Connect) -> Archive:
    return connect().archive


@pytest.fixture
def stored_at(form: str, request: pytest.FixtureRequest, tmp_path: Path) -> StoredAt:
    if form == BUILT_IN:
        return lambda file_id: next((tmp_path / "an archive").rglob(str(file_id)))
    folder: Path = request.getfixturevalue("core").services[ARCHIVE].archive
    return lambda file_id: folder / posix_name(file_id)


@pytest.fixture
def make_source() -> Iterator[MakeSource]:
    """Return a factory of files that the archive may move, whichever account it runs as."""
    with ExitStack() as stack:

        def make(content: bytes, name: str = "source", parent: Path = Path("/tmp")) -> Path:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))
            source = folder / name
            source.write_bytes(content)
            for path in (folder, source):
                give_to_archive_account(path)
            return source

        yield make
