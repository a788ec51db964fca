"""`FileKeyValue` entries: each names a file of its bundle by its path, and receives the id of the file."""

import io
import json
import tracemalloc
from collections.abc import Sequence

import pytest

from ingest.bundles.bundle_metadata import annotated_paths, completed
from ingest.bundles.file_values import BATCH, BATCH_CHARACTERS
from tests.bundles.metadata.documents import JOB, Entry, codes, encoded, fault_of, reader_of

MANY = 10_000


def value_of(path: object, **changes: object) -> Entry:
    return {"destinationTable": "FileKeyValue", "path": path, "key": "Tag", "value": "v"} | changes


class Ids:
    """Ids of files; records the number of paths in each look-up."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, paths: Sequence[str]) -> dict[str, int | None]:
        self.batches.append(len(paths))
        return {path: 100 + len(path) for path in paths}


def complete(listed: list[Entry], ids: Ids) -> list[Entry]:
    return list(completed(encoded(listed), JOB, [], ids, for_catalog=True))


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("data/a/b.txt", "a/b.txt"),
        ("./data/a/b.txt", "a/b.txt"),
        ("data//a/./b.txt", "a/b.txt"),
        ("data/data/x", "data/x"),
        ("data/日本", "日本"),
    ],
)
@pytest.mark.parametrize("value", ["text", "", 5, 1.5, True])
def test_path_in_the_tar_identifies_the_file_and_its_id_is_added(path: str, named: str, value: object):
    entry = value_of(path, value=value)
    reader = reader_of(entry)
    assert list(reader.files()) == []
    assert not reader.faults
    assert reader.has_file_values
    assert list(annotated_paths(encoded([{"destinationTable": "x"}, entry]))) == [(1, named)]
    passed = {"destinationTable": "FileKeyValue", "key": "Tag", "value": value, "file_id": 100 + len(named)}
    assert complete([entry | {"deleted": "now"}], Ids())[0] == passed


@pytest.mark.parametrize("file_id", [1, 10**9, "1", None])
@pytest.mark.parametrize("path", [{"path": "data/a"}, {}])
def test_id_of_a_file_is_refused_with_the_correct_form(file_id: object, path: Entry):
    entry = {"destinationTable": "FileKeyValue", "key": "Tag", "value": "v", "file_id": file_id} | path
    assert fault_of({"destinationTable": "x"}, entry) == (
        'entry 1 (FileKeyValue): "file_id" is set by the service; name the file by its path in the bundle instead, '
        'such as "path": "data/run/results.csv" [file_id_given]'
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"path": None}, "path_malformed"),
        ({"path": 5}, "path_malformed"),
        ({"path": ["data/a"]}, "path_malformed"),
        ({"path": ""}, "path_outside_data"),
        ({"path": "a/b.txt"}, "path_outside_data"),
        ({"path": "/data/a"}, "path_outside_data"),
        ({"path": "data"}, "path_outside_data"),
        ({"path": "data/"}, "path_outside_data"),
        ({"path": "data/../a"}, "path_outside_data"),
        ({"path": "database/a"}, "path_outside_data"),
        ({"path": "data/a\nb"}, "path_holds_controls"),
        ({"path": "data/" + "x" * 256}, "path_too_long"),
        ({"key": None}, "value_malformed"),
        ({"key": 5}, "value_malformed"),
        ({"value": None}, "value_malformed"),
        ({"value": [1]}, "value_malformed"),
    ],
)
def test_wrong_value_of_a_file_is_named(changes: Entry, code: str):
    text = fault_of(value_of("data/a") | changes)
    assert text.startswith("entry 0 (FileKeyValue): ")
    assert codes(text) == [code]


def test_ids_are_looked_up_in_batches_and_memory_stays_flat():
    document = io.BytesIO(json.dumps([value_of(f"data/{number:06}") for number in range(MANY)]).encode())
    ids = Ids()
    tracemalloc.start()
    try:
        count = sum(1 for _ in completed(document, JOB, [], ids, for_catalog=True))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == MANY + 1
    assert ids.batches == [BATCH] * (MANY // BATCH)
    # A batch takes 0.9 MB; a list of the entries would take 4 MB more.
    assert peak < 1_500_000


def test_long_values_make_short_batches():
    ids = Ids()
    complete([value_of("data/a", value="x" * (BATCH_CHARACTERS // 4))] * 10, ids)
    assert ids.batches == [4, 4, 2]
