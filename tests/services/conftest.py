from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ingest.services.archive_folder import FolderArchive
from ingest.services.http_client import HttpClient
from tests.services.archive_folders import BLOCK
from tests.services.scripted_server import ScriptedServer, scripted_server

TRANSFER_SIZE = 64 * 1024

MakeClient = Callable[..., HttpClient]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def make_client(server: ScriptedServer) -> Iterator[MakeClient]:
    """Return a factory of clients of the scripted server, or of another URL; closes them at the end."""
    with ExitStack() as stack:

        def make(url: str = "", connect_timeout: float = 5.0, read_timeout: float = 5.0) -> HttpClient:
            client = HttpClient("thing", url or server.url, connect_timeout, read_timeout, TRANSFER_SIZE)
            return stack.enter_context(closing(client))

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> HttpClient:
    return make_client()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "an archive"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(folder: Path) -> FolderArchive:
    return FolderArchive(folder.as_uri(), BLOCK)
