"""The client of Metadata: contents of the catalog, rejections, and failures of the service."""

import io

import pytest

from ingest.errors.types import CatalogRejected, ServiceUnavailable
from ingest.services.http_client import HttpClient
from ingest.services.metadata import FileHash, PacificaMetadata
from tests.services.scripted_server import ScriptedServer, broken_reply, failure, reply

DOCUMENT = b'[{"destinationTable": "Transactions._id", "value": 7}]'
ABSENT = failure("cherrypy._cperror.HTTPError: (404, 'x')", 404, "No Transaction with an ID of 7 was found")


@pytest.fixture
def metadata(client: HttpClient) -> PacificaMetadata:
    return PacificaMetadata(client)


def ingest(metadata: PacificaMetadata) -> None:
    metadata.ingest(7, io.BytesIO(DOCUMENT), len(DOCUMENT))


def test_transaction_is_found_with_its_hashes(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    files = {str(number): {"_id": number, "hashtype": "sha1", "hashsum": f"{number:040x}"} for number in range(20_000)}
    server.then(reply(200, {"_id": 7}), reply(200, files))
    assert metadata.find(7) == {number: FileHash("sha1", f"{number:040x}") for number in range(20_000)}
    assert [received.path for received in server.received] == [
        "/transactioninfo/by_id/7",
        "/transactioninfo/files/7",
    ]


def test_transaction_without_files_is_found_empty(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    server.then(reply(200, {"_id": 7}), reply(200, {}))
    assert metadata.find(7) == {}


def test_transaction_that_is_not_there_is_none(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    server.then(ABSENT)
    assert metadata.find(7) is None


def test_404_without_the_text_of_metadata_is_service_unavailable(
    server: ScriptedServer, metadata: PacificaMetadata
) -> None:
    server.then(reply(404, {"message": "The path '/wrong/by_id/7' was not found."}))
    with pytest.raises(ServiceUnavailable, match="404"):
        metadata.find(7)


@pytest.mark.parametrize("document", [[], {"x": {}}, {"8": {"hashtype": "sha1"}}, {"8": None}, "text"])
def test_list_of_files_that_cannot_be_read_is_service_unavailable(
    server: ScriptedServer, metadata: PacificaMetadata, document: object
) -> None:
    server.then(reply(200, {"_id": 7}), reply(200, document))
    with pytest.raises(ServiceUnavailable):
        metadata.find(7)


def test_list_of_files_that_breaks_off_is_service_unavailable(
    server: ScriptedServer, metadata: PacificaMetadata
) -> None:
    server.then(reply(200, {"_id": 7}), broken_reply(body=b'{"8": {"hashtype"', length=1000))
    with pytest.raises(ServiceUnavailable):
        metadata.find(7)


def test_document_is_sent(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    server.then(reply(200, {"status": "success"}))
    ingest(metadata)
    received = server.received[0]
    assert (received.method, received.path, received.body) == ("PUT", "/ingest", DOCUMENT)
    assert received.headers["content-type"] == "application/json"


def test_duplicate_is_rejected_with_the_services_own_reason(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    message = "Could not insert records [ID: 7] due to duplicated ID values. Remove or change the duplicated id values"
    server.then(failure(f"cherrypy._cperror.HTTPError: (400, '{message}')", 400, message))
    with pytest.raises(CatalogRejected) as caught:
        ingest(metadata)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("exception", "reason"),
    [
        ("ValueError: Invalid metadata for file 20", "ValueError: Invalid metadata for file 20"),
        ("dateutil.parser._parser.ParserError: Unknown format: blah", "ParserError: Unknown format: blah"),
        ("KeyError: 'mimetype'", "KeyError: 'mimetype'"),
        ("IndexError: list index out of range", "IndexError: list index out of range"),
        (
            'peewee.IntegrityError: insert or update on table "files"\nDETAIL:  Key (id)=(20) already exists.\n',
            'IntegrityError: insert or update on table "files" DETAIL: Key (id)=(20) already exists.',
        ),
    ],
)
def test_fault_of_the_metadata_is_rejected_in_one_line(
    server: ScriptedServer, metadata: PacificaMetadata, exception: str, reason: str
) -> None:
    server.then(failure(exception))
    with pytest.raises(CatalogRejected) as caught:
        ingest(metadata)
    assert str(caught.value) == f"Metadata does not accept the transaction: {reason}"


@pytest.mark.parametrize(
    "exception",
    [
        "peewee.OperationalError: could not connect: KeyError: x",
        "peewee.InterfaceError: connection already closed",
        "MemoryError",
        "TypeError: ValueError",
    ],
)
def test_fault_of_the_service_is_no_rejection(
    server: ScriptedServer, metadata: PacificaMetadata, exception: str
) -> None:
    server.then(failure(exception))
    with pytest.raises(ServiceUnavailable, match=exception.rpartition(".")[2]):
        ingest(metadata)


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"<html>ValueError: x</html>"), (400, b""), (200, b"{}"), (200, b"<html>"), (413, b""), (502, b"")],
)
def test_answer_of_a_proxy_is_no_rejection(
    server: ScriptedServer, metadata: PacificaMetadata, status: int, body: bytes
) -> None:
    server.then(reply(status, body=body))
    with pytest.raises(ServiceUnavailable):
        ingest(metadata)


def test_exception_with_another_status_is_no_rejection(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    server.then(failure("ValueError: of a proxy", 400))
    with pytest.raises(ServiceUnavailable, match="of a proxy"):
        ingest(metadata)


def test_other_fault_with_400_is_no_rejection(server: ScriptedServer, metadata: PacificaMetadata) -> None:
    server.then(reply(400, {"message": "Invalid JSON document", "traceback": ""}))
    with pytest.raises(ServiceUnavailable, match="Invalid JSON document"):
        ingest(metadata)
