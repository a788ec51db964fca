"""The client gets, saves and verifies receipts of a scripted service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacifica_ingest_client import IngestClient, SavedReceipt
from pacifica_ingest_client.errors import NotFound, ReceiptInvalid, RequestRefused, StateUnusable
from tests.receipts.samples import JOB, save_receipt
from tests.services.scripted_server import ScriptedServer, reply, scripted_server

CONTENTS = {"run/a.txt": b"one\n", "run/b.txt": b"two\n"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    """Return a receipt with its keys, as the service answers them."""
    (tmp_path / "service").mkdir()
    return tmp_path / "service" / "r"


def script(server: ScriptedServer, receipt: Path, *suffixes: str) -> IngestClient:
    """Let the service answer the files of a receipt, in the order in which the client gets them."""
    for suffix in suffixes:
        server.then(reply(body=Path(f"{receipt}{suffix}").read_bytes()))
    return IngestClient(server.url, retry_for=0)


def test_a_receipt_is_saved_with_its_keys(server: ScriptedServer, answered: Path, tmp_path: Path) -> None:
    save_receipt(answered, CONTENTS)
    saved = script(server, answered, ".jwks", "").receipt(JOB, tmp_path / "r")
    assert [each.path for each in server.received] == ["/.well-known/jwks.json", f"/jobs/{JOB}/receipt"]
    assert sorted(path.name for path in tmp_path.glob("r*")) == ["r", "r.jwks"]
    assert [file.path for file in SavedReceipt(tmp_path / "r").files()] == list(CONTENTS)
    assert saved.path == tmp_path / "r"


def test_the_list_of_many_files_is_saved_beside_it(server: ScriptedServer, answered: Path, tmp_path: Path) -> None:
    save_receipt(answered, CONTENTS, listed=False)
    saved = script(server, answered, ".jwks", "", ".files").receipt(JOB, tmp_path / "r")
    assert server.received[-1].path == f"/jobs/{JOB}/receipt/files"
    assert [file.path for file in saved.files()] == list(CONTENTS)


def test_the_receipt_of_another_job_is_refused(server: ScriptedServer, answered: Path, tmp_path: Path) -> None:
    save_receipt(answered, CONTENTS, job_id=18)
    with pytest.raises(ReceiptInvalid, match="receipt of job 18 for job 17"):
        script(server, answered, ".jwks", "").receipt(JOB, tmp_path / "r")


@pytest.mark.parametrize(
    "uploaded",
    [[], [("run/a.txt", 4, "0")], [("run/b.txt", 4, "0"), ("run/a.txt", 4, "0")]],
    ids=["none", "another hash", "another order"],
)
def test_other_files_than_those_of_the_upload_are_refused(answered: Path, uploaded: list[tuple[str, int, str]]) -> None:
    save_receipt(answered, CONTENTS)
    with pytest.raises(ReceiptInvalid, match="is not the file that was uploaded"):
        SavedReceipt(answered).check(uploaded)


def test_a_receipt_that_lacks_an_uploaded_file_is_refused(answered: Path) -> None:
    save_receipt(answered, CONTENTS)
    files = [(file.path, file.size, file.hash_sum) for file in SavedReceipt(answered).files()]
    assert SavedReceipt(answered).check(files) == 2
    with pytest.raises(ReceiptInvalid, match="lacks files"):
        SavedReceipt(answered).check([*files, ("run/c.txt", 1, "0")])


def test_a_job_that_is_not_cataloged_is_not_asked_for_again(
    server: ScriptedServer, answered: Path, tmp_path: Path
) -> None:
    save_receipt(answered, CONTENTS)
    client = script(server, answered, ".jwks")
    server.then(reply(409, {"code": "receipt_not_available", "message": "job 17 is not cataloged"}))
    with pytest.raises(RequestRefused, match="job 17 is not cataloged") as error:
        client.receipt(JOB, tmp_path / "r")
    assert error.value.code == "receipt_not_available"
    assert not (tmp_path / "r").exists()


def test_an_older_service_has_no_receipts(server: ScriptedServer, tmp_path: Path) -> None:
    server.then(reply(404, body=b"Not Found"))
    with pytest.raises(NotFound):
        IngestClient(server.url, retry_for=0).receipt(JOB, tmp_path / "r")


def test_a_folder_that_cannot_be_written_is_an_error(server: ScriptedServer, answered: Path, tmp_path: Path) -> None:
    save_receipt(answered, CONTENTS)
    with pytest.raises(StateUnusable, match="cannot be written"):
        script(server, answered, ".jwks").receipt(JOB, tmp_path / "nowhere" / "r")
