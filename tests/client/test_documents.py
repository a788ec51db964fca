"""The metadata of a bundle and the move document are what the service's own reader accepts."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ingest.bundles.bundle_metadata import MetadataReader
from ingest.bundles.metadata_entries import DeclaredFile
from ingest.states.stages import Kind
from pacifica_ingest_client.bundle.bundle import list_and_hash, make_move_document
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.progress import NoProgress
from tests.client.folders import CONTENTS, TRANSACTION, bundle_of, write_files


def declared(document: Path, kind: Kind = Kind.INGEST) -> dict[str, DeclaredFile]:
    """Return the files that the service reads from a document."""
    with document.open("rb") as file:
        reader = MetadataReader(file, kind, 1)
        files = {each.path: each for each in reader.files()}
    assert not reader.faults
    assert reader.transaction == {"submitter": 10, "project": "1234a", "instrument": 54}
    return files


def entries(document: Path) -> list[dict[str, Any]]:
    return list(json.loads(document.read_text(encoding="utf-8")))


def test_metadata_declares_every_file(table: FileTable, tmp_path: Path):
    files = declared(bundle_of(table, write_files(tmp_path), tmp_path).document)
    assert {name: (file.size, file.hash_type, file.hash_sum) for name, file in files.items()} == {
        name: (len(content), "sha256", hashlib.sha256(content).hexdigest()) for name, content in CONTENTS.items()
    }


def test_a_folder_called_data_keeps_its_name(table: FileTable, tmp_path: Path):
    write_files(tmp_path, {"data/data/one": b"1", "data/two": b"2"})
    bundle = bundle_of(table, str(tmp_path / "data"), tmp_path)
    assert set(declared(bundle.document)) == {"data/data/one", "data/two"}


def test_entries_have_all_that_the_catalog_requires(table: FileTable, tmp_path: Path):
    path = write_files(tmp_path, {"run/a.csv": b"a", "run/b.unknown": b"b"})
    os.utime(tmp_path / "run/a.csv", (0, 1_700_000_000.9))
    os.utime(tmp_path / "run/b.unknown", (0, -5))
    first, second = entries(bundle_of(table, path, tmp_path).document)[-2:]
    assert (first["mimetype"], first["mtime"], first["ctime"]) == ("text/csv", "2023-11-14T22:13:20", first["mtime"])
    assert (second["mimetype"], second["mtime"]) == ("application/octet-stream", "1969-12-31T23:59:55")


def test_a_move_document_names_sources_on_this_computer(table: FileTable, tmp_path: Path):
    list_and_hash(table, [write_files(tmp_path)], [], NoProgress())
    document = make_move_document(table, TRANSACTION.entries(), tmp_path / "move.json", None)
    assert {name: file.source for name, file in declared(document, Kind.MOVE).items()} == {
        name: str(tmp_path / name) for name in CONTENTS
    }


def test_a_move_document_names_sources_as_the_server_sees_them(table: FileTable, tmp_path: Path):
    list_and_hash(table, [write_files(tmp_path)], [], NoProgress())
    document = make_move_document(table, TRANSACTION.entries(), tmp_path / "move.json", "/srv/instrument/17")
    assert declared(document, Kind.MOVE)["run/sub/empty"].source == "/srv/instrument/17/sub/empty"


def test_a_move_document_of_a_file_names_the_file(table: FileTable, tmp_path: Path):
    write_files(tmp_path)
    list_and_hash(table, [str(tmp_path / "run/one.txt")], [], NoProgress())
    document = make_move_document(table, TRANSACTION.entries(), tmp_path / "move.json", "/srv/one.txt")
    assert declared(document, Kind.MOVE)["one.txt"].source == "/srv/one.txt"
