"""The tar that is made while it is read: what other readers see in it, from any offset, with the same bytes each time."""

import io
import os
import random
import tarfile
import tracemalloc
from pathlib import Path
from typing import cast

import pytest

from ingest.bundles.tar_headers import headers
from pacifica_ingest_client.bundle.bundle import Bundle
from pacifica_ingest_client.bundle.documents import write_document
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.sources import SourceFile, find_files
from pacifica_ingest_client.bundle.virtual_tar import MARK_EVERY, lay_out
from pacifica_ingest_client.errors import SourceChanged
from pacifica_ingest_client.progress import NoProgress
from tests.client.folders import CONTENTS, TRANSACTION, bundle_of, write_files
from tools.fuzz.tar_readers import read_by_gnu_tar, read_by_python, read_by_us

GIB = 1024**3


def read(bundle: Bundle, offset: int = 0) -> bytes:
    return b"".join(bundle.open().blocks(offset))


def test_every_reader_reads_the_files_and_the_metadata(table: FileTable, tmp_path: Path):
    bundle = bundle_of(table, write_files(tmp_path), tmp_path)
    data = read(bundle)
    (tmp_path / "bundle.tar").write_bytes(data)
    ours = read_by_us(tmp_path / "bundle.tar")
    assert dict(ours[:-1]) == CONTENTS
    assert ours[-1] == (None, bundle.document.read_bytes())
    assert read_by_python(tmp_path / "bundle.tar") == ours
    assert read_by_gnu_tar(data) == ours
    assert len(data) == bundle.size


def test_it_has_the_same_bytes_from_any_offset(table: FileTable, tmp_path: Path):
    # More files than lie between two offsets that are kept.
    contents = {f"run/{number:04}": bytes(number % 1030) for number in range(MARK_EVERY + 50)}
    bundle = bundle_of(table, write_files(tmp_path, contents | CONTENTS), tmp_path)
    data = read(bundle)
    chosen = random.Random(15)
    offsets = [0, 1, 511, 512, len(data) - 1, len(data), *(chosen.randrange(len(data)) for _ in range(200))]
    tar = bundle.open()
    for offset in offsets:
        tar.seek(offset)
        assert tar.read(3000) == data[offset : offset + 3000]


def test_it_is_the_same_after_a_restart(tmp_path: Path):
    path, found = write_files(tmp_path), []
    for _ in range(2):
        # Neither the hashes in memory nor the time at which the metadata was written are part of it.
        table = FileTable(tmp_path / "table", NoProgress())
        bundle = bundle_of(table, path, tmp_path)
        found.append((bundle.digest, read(bundle)))
        table.close()
        os.utime(tmp_path / "metadata.txt", (1, 1))
    assert found[0] == found[1]


@pytest.mark.parametrize("change", ["content", "time", "name", "metadata"])
def test_its_digest_depends_on_everything_in_it(table: FileTable, tmp_path: Path, change: str):
    path = write_files(tmp_path)
    before = bundle_of(table, path, tmp_path).digest
    if change == "content":
        (tmp_path / "run/one.txt").write_bytes(b"ten\n")
    elif change == "time":
        os.utime(tmp_path / "run/one.txt", (1, 1))
    elif change == "name":
        (tmp_path / "run/one.txt").rename(tmp_path / "run/two.txt")
    else:
        transaction = type(TRANSACTION)("10", "1234a", "55")
        assert bundle_of(table, path, tmp_path, transaction).digest != before
        return
    assert bundle_of(table, path, tmp_path).digest != before


def test_it_is_a_file_that_can_be_sought(table: FileTable, tmp_path: Path):
    bundle = bundle_of(table, write_files(tmp_path), tmp_path)
    with tarfile.open(fileobj=bundle.open()) as tar:
        member = tar.extractfile("data/run/sub/two.bin")
        assert member
        assert member.read() == CONTENTS["run/sub/two.bin"]
    tar_file = bundle.open()
    assert tar_file.seek(-10, io.SEEK_END) == bundle.size - 10
    assert tar_file.read(20) == bytes(10)
    assert tar_file.read(1) == b""


def test_sizes_beyond_8_gib_are_read_by_the_service(table: FileTable, tmp_path: Path):
    (tmp_path / "run").mkdir()
    for name, size in (("a", 8 * GIB - 1), ("b", 8 * GIB), ("c", 70 * GIB)):
        (tmp_path / "run" / name).touch()
        os.truncate(tmp_path / "run" / name, size)
    table.replace(find_files([str(tmp_path / "run")]))
    for file in list(table.without_digest()):
        table.set_digest(file.name, "0" * 64)
    write_document(table, TRANSACTION.entries(), tmp_path / "metadata.txt")
    layout = lay_out(table, tmp_path / "metadata.txt")
    bundle = Bundle(tmp_path / "metadata.txt", 3, table, layout)
    seen = [(header.name, header.size) for header in headers(cast("io.BufferedReader", bundle.open()), bundle.size)]
    assert seen[:3] == [(b"data/run/a", 8 * GIB - 1), (b"data/run/b", 8 * GIB), (b"data/run/c", 70 * GIB)]
    assert seen[3][0] == b"metadata.txt"


def test_a_file_that_changes_is_an_error_that_names_it(table: FileTable, tmp_path: Path):
    bundle = bundle_of(table, write_files(tmp_path), tmp_path)
    (tmp_path / "run/sub/two.bin").write_bytes(b"changed")
    with pytest.raises(SourceChanged, match=r"run/sub/two\.bin"):
        read(bundle)


def test_times_before_1970_are_stored_as_1970(table: FileTable, tmp_path: Path):
    path = write_files(tmp_path, {"run/old": b"old"})
    os.utime(tmp_path / "run/old", (-5, -5))
    data = read(bundle_of(table, path, tmp_path))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getmember("data/run/old").mtime == 0


def test_owners_and_modes_are_fixed(table: FileTable, tmp_path: Path):
    data = read(bundle_of(table, write_files(tmp_path), tmp_path))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {(each.uid, each.gid, each.uname, each.gname, each.mode) for each in tar} == {(0, 0, "", "", 0o644)}


def test_memory_does_not_grow_with_the_number_of_files(table: FileTable, tmp_path: Path):
    document = tmp_path / "metadata.txt"
    document.write_text("[]")
    table.replace(SourceFile(f"run/{number:06}", "/nowhere", 100, 1, "1") for number in range(6000))
    for file in table.without_digest():
        table.set_digest(file.name, "0" * 64)
    tracemalloc.start()
    try:
        layout = lay_out(table, document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert layout.size > 6000 * 1024
    # Rows are read in batches; a list of all files would take more than twice as much.
    assert peak < 1024 * 1024
