"""The client of ArchiveInterface: how it interprets the answers of a service that answers nearly every error with 500."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.errors.types import MoveFolderUnavailable, ServiceUnavailable
from ingest.services.archive import OpenFile, PacificaArchive
from ingest.services.http_client import HttpClient
from tests.services.conftest import TRANSFER_SIZE
from tests.services.scripted_server import ScriptedServer, broken_reply, failure, reply

ERROR = "pacifica.archiveinterface.exception.ArchiveInterfaceError"
NOT_HELD = f"{ERROR}: Can't open posix file with error: [Errno 2] No such file or directory: '/archive/40/e2/1e240'"
NOT_READABLE = f"{ERROR}: Can't open posix file with error: [Errno 13] Permission denied: '/archive/40/e2/1e240'"
HPSS = f"{ERROR}: Can't open hpss file with error: NULL File returned on open"


@pytest.fixture
def archive(client: HttpClient) -> PacificaArchive:
    return PacificaArchive(client, TRANSFER_SIZE)


def test_put_of_a_file_sends_it_as_bytes(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(reply(201, {"message": "File added to archive", "total_bytes": 5}))
    archive.put(123456, io.BytesIO(b"hello"), 5)
    received = server.received[0]
    assert (received.method, received.path, received.body) == ("PUT", "/123456", b"hello")
    assert received.headers["content-type"] == "application/octet-stream"


def test_put_of_an_empty_file_sends_content_length_zero(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(reply(201, {"message": "File added to archive", "total_bytes": 0}))
    archive.put(123456, io.BytesIO(), 0)
    assert server.received[0].headers["content-length"] == "0"


def test_put_over_an_id_that_cannot_be_replaced_is_service_unavailable(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    server.then(failure(NOT_READABLE))
    with pytest.raises(ServiceUnavailable, match="Permission denied"):
        archive.put(123456, io.BytesIO(b"hello"), 5)


def test_size_is_that_of_the_file_on_the_disk(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(reply(204, X_Content_Length="1099511627776"))
    assert archive.size(123456) == 1099511627776
    assert server.received[0].method == "HEAD"


@pytest.mark.parametrize("words", [NOT_HELD, NOT_HELD.replace("posix", "HSM Sideband")])
def test_size_of_an_id_that_is_not_there_is_none(server: ScriptedServer, archive: PacificaArchive, words: str) -> None:
    server.then(failure(words), failure(words))
    assert archive.size(123456) is None
    assert server.received[1].path == "/123456?byte_range=0-0"


@pytest.mark.parametrize("words", [NOT_READABLE, HPSS, f"{ERROR}: [Errno 2] No such file or directory"])
def test_size_is_not_none_when_the_service_may_only_be_broken(
    server: ScriptedServer, archive: PacificaArchive, words: str
) -> None:
    server.then(failure(words), failure(words))
    with pytest.raises(ServiceUnavailable):
        archive.size(123456)


def test_size_that_fails_once_though_the_file_is_there_is_service_unavailable(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    server.then(failure(NOT_READABLE), reply(200))
    with pytest.raises(ServiceUnavailable, match="it has the file"):
        archive.size(123456)


def test_size_of_an_error_page_without_a_traceback_is_service_unavailable(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    server.then(reply(500), reply(500, body=b"<html>[Errno 2]</html>"))
    with pytest.raises(ServiceUnavailable):
        archive.size(123456)


@pytest.mark.parametrize("length", ["", "File Not Found", "-1"])
def test_size_that_is_no_number_is_service_unavailable(
    server: ScriptedServer, archive: PacificaArchive, length: str
) -> None:
    server.then(reply(204, X_Content_Length=length))
    with pytest.raises(ServiceUnavailable, match="returned the size"):
        archive.size(123456)


def test_delete_removes_the_id(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(reply(200))
    archive.delete(123456)
    assert (server.received[0].method, server.received[0].path) == ("DELETE", "/123456")


def test_delete_of_an_id_that_is_not_there_is_no_error(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(failure(NOT_HELD))
    archive.delete(123456)
    assert len(server.received) == 1


@pytest.mark.parametrize("words", [NOT_READABLE, HPSS])
def test_delete_that_may_have_failed_is_service_unavailable(
    server: ScriptedServer, archive: PacificaArchive, words: str
) -> None:
    server.then(failure(words))
    with pytest.raises(ServiceUnavailable):
        archive.delete(123456)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[OpenFile]:
    path = tmp_path / "größe 1"
    path.write_bytes(b"measured")
    with path.open("rb", buffering=0) as file:
        yield OpenFile(path, file)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir(0o700)
    return folder


@pytest.fixture
def moving(client: HttpClient, staging: Path) -> PacificaArchive:
    return PacificaArchive(client, TRANSFER_SIZE, staging=(staging,))


def test_move_names_a_path_that_nobody_else_can_change(
    server: ScriptedServer, moving: PacificaArchive, source: OpenFile, staging: Path
) -> None:
    server.then(reply(200, {"message": "File Moved Successfully"}))
    moving.move(123456, source)
    received = server.received[0]
    assert (received.method, received.path) == ("PATCH", "/123456")
    assert json.loads(received.body) == {"path": str(staging / "123456")}
    assert received.headers["content-type"] == "application/json"


def test_move_that_fails_leaves_nothing_that_a_late_answer_could_take(
    server: ScriptedServer, moving: PacificaArchive, source: OpenFile, staging: Path
) -> None:
    server.then(failure(f"{ERROR}: Can't move posix file with error: [Errno 28] No space left on device"))
    with pytest.raises(ServiceUnavailable, match="No space left"):
        moving.move(123456, source)
    assert list(staging.iterdir()) == []
    assert source.path.read_bytes() == b"measured"


def test_delete_removes_the_files_of_a_killed_process_in_the_staging_folder(
    server: ScriptedServer, moving: PacificaArchive, staging: Path
) -> None:
    (staging / "123456").write_bytes(b"measured")
    server.then(failure(NOT_HELD))
    moving.delete(123456)
    assert list(staging.iterdir()) == []


def test_move_without_a_staging_folder_hands_nothing_over(
    server: ScriptedServer, archive: PacificaArchive, source: OpenFile
) -> None:
    with pytest.raises(MoveFolderUnavailable, match="move_staging"):
        archive.move(123456, source)
    assert server.received == []


def test_get_returns_blocks(server: ScriptedServer, archive: PacificaArchive) -> None:
    content = bytes(range(256)) * 1024
    server.then(reply(body=content))
    blocks = list(archive.get(123456))
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) <= TRANSFER_SIZE


def test_get_that_breaks_off_is_service_unavailable(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(broken_reply(body=b"half", length=8))
    with pytest.raises(ServiceUnavailable):
        list(archive.get(123456))
