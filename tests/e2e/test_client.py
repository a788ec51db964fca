"""The uploader's client on the whole stack: a folder through a bad network is cataloged once, with every byte."""

from pathlib import Path
from random import Random

import requests
from sqlalchemy import Engine

from pacifica_ingest_client.command.receipt import main as verify_receipt
from tests.client.command import Uploader
from tests.client.folders import CONTENTS, write_files
from tests.cutting_proxy import Cut, LostAnswer, cutting_proxy
from tests.receipts.verifier import claims_of
from tools.stack import Stack
from tools.stack_contents import archived, cataloged, in_catalog_form

MIB = 1024 * 1024
FILES = {**CONTENTS, "run/big.bin": Random(15).randbytes(32 * MIB)}


def in_data(files: dict[str, bytes]) -> dict[str, bytes]:
    return in_catalog_form({f"data/{name}": content for name, content in files.items()})


def test_a_folder_is_cataloged_once_though_the_connection_breaks(stack: Stack, ledger: Engine, tmp_path: Path):
    run = write_files(tmp_path, FILES)
    with cutting_proxy(stack.api, [Cut(10 * MIB), Cut(10 * MIB, reset=True), LostAnswer(5 * MIB)]) as proxy:
        first, second = (Uploader(proxy.url, tmp_path / "state").run("--json", run) for _ in range(2))
        assert len(proxy.happened) == 3
    assert first.status == 0, first.errors
    job = first.document["job_id"]
    assert second.document["job_id"] == job
    entries = cataloged(ledger, job)
    assert entries is not None
    assert archived(stack.home, entries) == in_data(FILES)


def test_the_receipt_permits_to_delete_the_source(stack: Stack, tmp_path: Path):
    run, receipt = write_files(tmp_path, {**CONTENTS, "run/receipt.txt": b"receipt\n"}), tmp_path / "run.receipt"
    ended = Uploader(stack.api, tmp_path / "state").run("--receipt", str(receipt), run)
    assert ended.status == 0, ended.errors
    assert f"the receipt in {receipt} is valid; it has all 8 files" in ended.errors
    assert verify_receipt([str(receipt), "--folder", run]) == 0
    keys = requests.get(f"{stack.api}/.well-known/jwks.json", timeout=60).json()
    assert claims_of(receipt.read_text(), keys)["files"]["count"] == 8
    (Path(run) / "one.txt").write_bytes(b"new\n")
    assert verify_receipt([str(receipt), "--folder", run]) == 1


def test_files_on_the_storage_of_the_facility_are_moved(stack: Stack, ledger: Engine, tmp_path: Path):
    contents = {"run/one.txt": b"one\n", "run/sub/two.txt": b"two\n"}
    folder = stack.home / "move" / tmp_path.name
    run = write_files(folder, contents)
    ended = Uploader(stack.api, tmp_path / "state").run("--json", "--move", run)
    assert ended.status == 0, ended.errors
    entries = cataloged(ledger, ended.document["job_id"])
    assert entries is not None
    assert archived(stack.home, entries) == in_data(contents)
    assert not list(Path(run).rglob("*.txt"))


def test_metadata_is_refused_before_anything_is_sent(stack: Stack, tmp_path: Path):
    run = write_files(tmp_path, {"run/a.txt": b"1", "run/A.txt": b"2"})
    ended = Uploader(stack.api, tmp_path / "state").run(run)
    assert ended.status == 1
    assert "the service would reject the metadata; no file was sent" in ended.errors
    assert "a.txt" in ended.errors
