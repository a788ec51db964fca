"""Open, continue and complete uploads for the current request, and describe them in its answer.

Used by `api.routes.uploads` and `api.routes.upload_creation`.
"""

import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

from flask import Response, request

from api.access.auth import caller
from api.receiving.body import Body
from api.receiving.create_job import start_job
from api.receiving.digests import REPR_DIGEST, RequestedDigests, requested_digests
from api.receiving.resumable import completion
from api.receiving.resumable.draft import Draft
from api.receiving.resumable.errors import UploadLengthInconsistent, UploadStalled
from api.receiving.resumable.headers import Part
from api.receiving.resumable.opening import find, keep_of, opened
from api.receiving.resumable.tus import Tus
from api.receiving.resumable.upload import OpenUpload
from api.receiving.upload_errors import BundleTooLarge
from api.receiving.upload_slots import slot_of
from api.resources import get_resources
from api.routes.state_json import answer_received
from ingest.ledger.upload_expiry import expiry
from ingest.ledger.upload_progress import UploadSnapshot
from ingest.system.failpoints import failpoint


def opened_upload(token: str) -> AbstractContextManager[OpenUpload]:
    """Open an upload of the caller; raises as `api.receiving.resumable.opening.opened`."""
    return opened(get_resources(), token, caller().user, caller().submitter)


def upload_slot() -> AbstractContextManager[None]:
    """Occupy one of the slots of simultaneous uploads; raises TooManyUploads, UserUploadsLimit, DatabaseUnavailable."""
    return slot_of(get_resources(), caller().user)


def receive(upload: OpenUpload, part: Part, protocol: Tus | Draft, status: HTTPStatus) -> Response:
    """Append the body of the request, complete the upload if it was the last one, and answer.

    `status` is that of the answer unless the protocol answers the last request with the state of the job.
    """
    _append(upload, part, completion.needed_algorithms(upload, _declared_digests()))
    job = complete(upload)
    response = job if job is not None and protocol.answers_state else empty(status)
    digest = {} if job is None or REPR_DIGEST not in job.headers else {REPR_DIGEST: job.headers[REPR_DIGEST]}
    response.headers.update({**headers(protocol, upload.upload), **digest})
    return response


def complete(upload: OpenUpload) -> Response | None:
    """Commit and start the job of a whole upload; return the answer that a bundle in one request gets, else None."""
    begun, is_new = time.monotonic(), not upload.upload.has_job
    whole = _declared_digests()
    completed = completion.complete(upload, whole)
    if completed is None:
        return None
    snapshot, found = completed
    failpoint("upload.committed", snapshot.received.job_id)
    if is_new:
        start_job(upload.resources, snapshot.received, begun)
        upload.upload = find(upload.resources, upload.upload.token, caller().user)
    response = answer_received(snapshot.received.job_id, snapshot.created, snapshot.updated)
    if whole.wanted in found:
        response.headers.update(whole.answer_headers(found))
    return response


def describe(status: HTTPStatus, protocol: Tus | Draft, upload: UploadSnapshot) -> Response:
    """Return an answer without a body that describes an upload."""
    return empty(status, {**headers(protocol, upload), **protocol.metadata(upload)})


def headers(protocol: Tus | Draft, upload: UploadSnapshot) -> dict[str, str]:
    """Return the headers that describe an upload, and name its job if it has one."""
    resources = get_resources()
    job = {"Link": f'</jobs/{upload.job_id}>; rel="related"'} if upload.has_job else {}
    return {
        "Cache-Control": "no-store",
        "Upload-Expires": expires(upload),
        **protocol.headers(upload, resources.settings, _expiry(upload)),
        **job,
    }


def expires(upload: UploadSnapshot) -> str:
    """Return when an upload expires, as the date of a header."""
    return format_datetime(_expiry(upload), usegmt=True)


def location(token: str) -> dict[str, str]:
    """Return the header with the address of an upload."""
    return {"Location": f"/uploads/{token}"}


def empty(status: HTTPStatus, headers: dict[str, str] | None = None) -> Response:
    """Return an answer without a body."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def _declared_digests() -> RequestedDigests:
    """Return what the request declares and wants of the whole bundle: the digest of a body covers this request only."""
    digests = requested_digests(request.headers)
    return RequestedDigests(tuple(each for each in digests.declared if each.header == REPR_DIGEST), digests.wanted)


def _append(upload: OpenUpload, part: Part, algorithms: Collection[str]) -> None:
    """Append the body of the request; it must be empty if the upload has a job."""
    has_job = upload.upload.has_job
    if not has_job or part.offset != upload.upload.offset:
        upload.accept(part)
    too_large = BundleTooLarge if upload.upload.length is None else UploadLengthInconsistent
    body = Body(upload.resources.settings, upload.largest_part(), too_large, UploadStalled, may_be_empty=True)
    if has_job:
        # A repetition of the last request. Only reading shows whether a body in chunks is empty.
        body.read(1)
    else:
        upload.receive(body, part, algorithms)


def _expiry(upload: UploadSnapshot) -> datetime:
    return expiry(upload.updated, upload.offset, keep_of(get_resources())).astimezone(UTC)
