"""Any sequence of requests on an upload, of both protocols: the server and the model agree after each one."""

from collections.abc import Iterator
from random import Random
from typing import Any

import requests
from hypothesis import event, given
from hypothesis import strategies as st

from tests.api.live_server import Server
from tests.api.receiving.resumable.tus_client import PART, TIMEOUT_SECONDS, TUS, TusUpload
from tests.api.receiving.resumable.upload_model import PartSent, UploadModel
from tests.properties.profile import property_of

LARGEST = 40
BUNDLE = Random(15).randbytes(10 * LARGEST)
DRAFT_PART = {"Content-Type": "application/partial-upload"}
BOOLEANS = {False: "?0", True: "?1"}

# Mostly what a client in order sends, so that sequences get far.
parts = st.builds(
    PartSent,
    shift=st.sampled_from([0, 0, 0, 0, 0, -1, 1]),
    size=st.integers(0, LARGEST // 2),
    length=st.none() | st.none() | st.integers(0, LARGEST),
    is_last=st.sampled_from([None, None, False, True]),
    in_chunks=st.booleans(),
)
rests = st.builds(PartSent, st.just(0), st.just(-1), st.none(), st.sampled_from([None, False, True]), st.booleans())
models = st.builds(UploadModel, st.none() | st.integers(1, LARGEST), st.booleans())


@property_of
@given(models, st.lists(parts | rests, max_size=6))
def test_server_and_model_agree(server: Server, model: UploadModel, sequence: list[PartSent]) -> None:
    upload, jobs = create(server, model), set(server.rows())
    for each in sequence:
        part = rest_of(model, each) if each.size < 0 else each
        answer = send(upload, model.offset, part)
        assert answer.status_code == model.patch(part), (part, answer.text)
        event(str(answer.status_code))
        check_offset(upload, model)
    assert len(set(server.rows()) - jobs) == int(model.complete)
    if model.complete:
        assert upload.file().read_bytes() == BUNDLE[: model.length]
    else:
        assert upload.holds(BUNDLE[: model.offset])
        assert upload.delete().status_code == 204


def create(server: Server, model: UploadModel) -> TusUpload:
    """Create the upload of a model: one that ends at its length by tus, another one by the draft."""
    length = {} if model.length is None else {"Upload-Length": str(model.length)}
    deferred = {"Upload-Defer-Length": "1"} if model.length is None else {}
    headers = {**TUS, **deferred, **length} if model.ends_at_length else {"Upload-Complete": "?0", **length}
    answer = requests.post(f"{server.url}/uploads", headers=headers, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 201, answer.text
    return TusUpload(server, server.url + answer.headers["Location"])


def rest_of(model: UploadModel, part: PartSent) -> PartSent:
    """Return a part with all bytes that are missing."""
    missing = 5 if model.length is None else model.length - model.offset
    return PartSent(part.shift, missing, part.length, part.is_last, part.in_chunks)


def send(upload: TusUpload, offset: int, part: PartSent) -> requests.Response:
    begin = offset + part.shift
    body = BUNDLE[begin : begin + part.size]
    protocol = PART if part.is_last is None else {**DRAFT_PART, "Upload-Complete": BOOLEANS[part.is_last]}
    length = {} if part.length is None else {"Upload-Length": str(part.length)}
    headers = {**protocol, **length, "Upload-Offset": str(begin)}
    data: bytes | Iterator[bytes] = iter([body] if body else []) if part.in_chunks else body
    return requests.patch(upload.address, data=data, headers=headers, timeout=TIMEOUT_SECONDS)


def check_offset(upload: TusUpload, model: UploadModel) -> None:
    """Compare what the upload says by tus, by the draft and as JSON with the model."""
    by_tus, by_draft = upload.head(), requests.head(upload.address, timeout=TIMEOUT_SECONDS)
    assert (by_tus.status_code, by_draft.status_code) == (200, 204)
    length = None if model.length is None else str(model.length)
    for answer in (by_tus, by_draft):
        found: Any = answer.headers
        assert (found["Upload-Offset"], found.get("Upload-Length")) == (str(model.offset), length)
        assert ("Link" in found) == model.complete
    assert by_draft.headers["Upload-Complete"] == BOOLEANS[model.complete]
    document = upload.get().json()
    assert [document[key] for key in ("offset", "length", "complete")] == [model.offset, model.length, model.complete]
