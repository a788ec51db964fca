"""The metadata parser reads what `json.loads` reads, and refuses everything else as the uploader's fault."""

import io

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.bundles.bundle import DATA_FOLDER, relative_path
from ingest.bundles.bundle_metadata import MetadataReader
from ingest.states.stages import Kind
from tests.properties import documents
from tests.properties.profile import property_of
from tools.bundles import Entry
from tools.fuzz.metadata_oracle import JOB, accepted, check_completed, check_metadata, check_path, declared_files


@property_of
@given(documents.lists, st.booleans(), st.sampled_from([None, 1]))
def test_document_of_json_is_read_back_equal(listed: list[Entry], ascii_only: bool, indent: int | None):
    document = documents.encoded(listed, ensure_ascii=ascii_only, indent=indent)
    # Unlike the values, their texts distinguish 1, 1.0 and True.
    assert repr(accepted(io.BytesIO(document))) == repr(listed)


@property_of
@given(documents.corrupted_documents())
@example(b'[{"destinationTable": "half a pair \\ud83d"}]')
@example(b'[{"destinationTable": "no pair \\ud83d\\u0041"}]')
@example(b'[{"destinationTable": "a backslash \\\\ud83d"}]')
@example(b'[{"destinationTable": "T"}\x0b]')
@example(b'[]"never closed')
@example(b'[{"destinationTable": "T", "value": 1e999}]')
@example(b'[{"destinationTable": "FileKeyValue", "path": "data/a", "key": "k", "value": 1}]')
@example(b"[" * 100_000)
def test_accepted_document_is_read_the_same_by_json(document: bytes):
    check_metadata(document)


@property_of
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"")
@example(b"\xff\xfe[\0]\0")
@example("[]".encode("utf-16"))
def test_any_bytes_are_accepted_or_refused_as_invalid_metadata(document: bytes):
    check_metadata(document)


@property_of
@given(documents.lists, st.sampled_from(Kind))
def test_completed_document_declares_the_same_files(listed: list[Entry], kind: Kind):
    document = documents.encoded(listed)
    files = declared_files(document, kind)
    if files is not None:
        check_completed(document, files, kind)


@property_of
@given(st.lists(documents.file_entries(), min_size=1, max_size=5), st.sampled_from(Kind))
def test_valid_entries_have_no_faults(listed: list[Entry], kind: Kind):
    reader = MetadataReader(io.BytesIO(documents.encoded(listed)), kind, JOB)
    found = list(reader.files())
    assert not reader.faults
    assert [(file.size, file.hash_sum) for file in found] == [(e["size"], e["hashsum"].lower()) for e in listed]


parts = st.sampled_from(["..", ".", "", "data", "a", "..a", "\x00", "\ud800", "a\nb"]) | documents.names


@property_of
@given(st.lists(st.lists(parts, max_size=4).map("/".join), max_size=3))
def test_relative_path_stays_below_data_and_is_normalized(names: list[str]):
    path = relative_path(*names)
    if path is not None:
        check_path(path)


@property_of
@given(st.lists(documents.plain_names, min_size=1, max_size=5))
def test_relative_path_keeps_every_plain_name(names: list[str]):
    assert relative_path(DATA_FOLDER, *names) == "/".join(names)
