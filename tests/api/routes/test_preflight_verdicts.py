"""Preflight and the stages of a job agree about every document that hypothesis sends to both."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import event, example, given
from hypothesis import strategies as st

from ingest.bundles.bundle_metadata import DeclaredFile, MetadataReader, annotated_paths
from ingest.errors.types import InvalidMetadata, Rejection
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tests.properties.profile import property_of
from tools.bundles import Entry, file_entry, make_tar, transaction

# The code of the rejection, then the code and the sentence of each fault; None if the document is accepted.
Verdict = tuple[str, list[tuple[str, str]]] | None
JudgeJob = Callable[[bytes, Kind], Verdict]
NO_JOB = -1
VALUE = {"destinationTable": "FileKeyValue", "path": "data/data/x", "key": "k", "value": 1}
CHECKED_BY = (Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.VALIDATE_POLICY)

good_names = st.sampled_from(["a", "b", "c", "A", "data", "a/b", "ü", "u\u0308", "._a"])
names = good_names | st.sampled_from(["..", "", "a\nb", "x" * 260])
good_folders = st.sampled_from(["", "data", "data/", "data/data", "data//a", "./data/a", "b"])
folders = good_folders | st.sampled_from(["..", "data/../a", "Data"])
sizes = st.integers(0, 3)
good_changes: st.SearchStrategy[Entry] = st.just({})
changes: st.SearchStrategy[Entry] = good_changes | st.sampled_from(
    [{"size": -1}, {"hashtype": "crc"}, {"hashsum": "0"}, {"mtime": None}]
)
sources = st.sampled_from(["/srv/a", "/srv/b", "/srv/c"])
bad_sources = st.sampled_from(["srv", None])
other_entries = st.sampled_from(
    [
        {"destinationTable": "Transactions._id", "value": 0},
        {"destinationTable": "Transactions.project", "value": "5678b"},
        {"destinationTable": "Transactions.submitter", "value": None},
        {"destinationTable": "NothingReally", "value": [1]},
        {"destinationTable": 5},
    ]
)
values = st.builds(
    lambda path, changed: {**VALUE, "path": path, **changed},
    st.sampled_from(["data/a", "data/A", "data/data/a", "a", "data/b/a"]),
    st.sampled_from([{}, {}, {"file_id": 1}, {"value": None}]),
)
endings = st.sampled_from([b"]", b"", b",]", b"]]", b', {"x": 1e999}]', b", 5]"])


# A path of 4095 bytes.
LONGEST = "/".join(["n" * 255] * 16)


@st.composite
def file_entries(draw: st.DrawFn, *, is_good: bool) -> Entry:
    """Return the entry of a file; its source counts only in a move."""
    return {
        **file_entry("a", b""),
        "subdir": draw(good_folders if is_good else folders),
        "name": draw(good_names if is_good else names),
        "size": draw(sizes),
        "source": draw(sources if is_good else sources | bad_sources),
        **draw(good_changes if is_good else changes),
    }


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Return a document: of entries that are good by themselves, or with any fault."""
    if draw(st.booleans()):
        listed = draw(st.sampled_from([transaction(), transaction(), transaction()[1:]]))
        return json.dumps(listed + draw(st.lists(file_entries(is_good=True), max_size=4))).encode()
    entries = file_entries(is_good=False) | values | other_entries
    return json.dumps(transaction() + draw(st.lists(entries, max_size=4))).encode()[:-1] + draw(endings)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a document in which some bytes are replaced, added or missing; it is not empty."""
    found = draw(documents())
    begin, size = draw(st.integers(0, len(found))), draw(st.integers(0, 3))
    changed = found[:begin] + draw(st.binary(max_size=3)) + found[begin + size :]
    return changed or b" "


def document(*entries: Entry) -> bytes:
    return json.dumps([*transaction(), *entries]).encode()


def in_folder(folder: str, name: str) -> Entry:
    return file_entry("a", b"", subdir=folder, name=name)


def bundle_of(metadata: bytes) -> bytes:
    """Return a bundle that holds exactly the files of its metadata, in the documented reading if it has no faults."""
    documented, faulty = _read(metadata, below_data=False)
    if faulty:
        other, also_faulty = _read(metadata, below_data=True)
        documented = documented if also_faulty else other
    # Of a file that is declared twice, the first declaration counts.
    contents = {f"data/{file.path}": b"x" * (file.size or 0) for file in reversed(documented)}
    return make_tar({**contents, "metadata.txt": metadata})


def _read(metadata: bytes, *, below_data: bool) -> tuple[list[DeclaredFile], bool]:
    """Return the declared files, and whether the document has faults in this reading."""
    reader = MetadataReader(io.BytesIO(metadata), Kind.INGEST, NO_JOB, below_data=below_data)
    found: list[DeclaredFile] = []
    try:
        for file in reader.files():
            found.append(file)
    except InvalidMetadata:
        return found, True
    paths = {file.path for file in found}
    if reader.faults or len(paths) < len(found):
        return found, True
    return found, any(path not in paths for _, path in annotated_paths(io.BytesIO(metadata)))


@pytest.fixture
def judge_job(make_job: MakeJob, run_stage: RunStage) -> JudgeJob:
    """Return a function that runs the first stages of a job and returns the rejection."""

    def judge(metadata: bytes, kind: Kind) -> Verdict:
        job = make_job(bundle_of(metadata) if kind is Kind.INGEST else metadata, kind)
        try:
            for stage in STAGES[kind]:
                if stage in CHECKED_BY:
                    run_stage(job, stage)
        except Rejection as error:
            return error.code, [(fault.code or error.code, fault.sentence) for fault in error.faults]
        return None

    return judge


def judge_by_preflight(client: FlaskClient, path: str, metadata: bytes) -> Verdict:
    answer = client.post(path, data=metadata, content_type="application/json")
    found: dict[str, Any] = answer.get_json()
    assert (answer.status_code, found["acceptable"]) in ((200, True), (422, False))
    if found["acceptable"]:
        return None
    return found["code"], [(fault["code"], fault["text"]) for fault in found["faults"]]


@property_of
@given(documents())
@example(document(in_folder("data", "x"), in_folder("data/data", "x")))
@example(document(in_folder("", "x"), in_folder("data", "x")))
@example(document(in_folder("data", "x"), in_folder("", "X")))
@example(document(in_folder("", "data"), in_folder("data", "x"), in_folder("", "X")))
@example(document(in_folder("", "data"), in_folder("", "x"), in_folder("", "X")))
@example(
    document(
        {"destinationTable": "FileKeyValue", "path": "data/data/x", "key": "k", "value": 1}, in_folder("data", "x")
    )
)
@example(document(in_folder("data", LONGEST)))
@example(document(in_folder("data/n", LONGEST)))
@example(b" ")
def test_preflight_and_the_job_of_a_bundle_agree(client: FlaskClient, judge_job: JudgeJob, metadata: bytes):
    job, preflight = judge_job(metadata, Kind.INGEST), judge_by_preflight(client, "/preflight", metadata)
    event(str(job and job[0]))
    if job is None or preflight is None or job[0] != "bundle_invalid":
        assert preflight == job
    else:
        # The job ends at its tar; preflight also lists the faults of the metadata.
        assert preflight[1][: len(job[1])] == job[1]


@property_of
@given(documents() | damaged())
@example(document({**in_folder("data", "x"), "source": "/srv/a"}, {**in_folder("data", "X"), "source": "/srv/b"}))
def test_preflight_and_the_job_of_a_move_agree(client: FlaskClient, judge_job: JudgeJob, metadata: bytes):
    job, preflight = judge_job(metadata, Kind.MOVE), judge_by_preflight(client, "/preflight/move", metadata)
    event(str(job and job[0]))
    assert preflight == job


@property_of
@given(damaged())
def test_preflight_of_any_damaged_document_has_a_verdict(client: FlaskClient, metadata: bytes):
    judge_by_preflight(client, "/preflight", metadata)
