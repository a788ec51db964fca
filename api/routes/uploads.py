"""Resumable uploads: `/uploads` by tus 1.0.0, and its resources by the IETF draft.

`api.routes.bundles` creates uploads here too, for `POST /ingest` and `POST /upload` by the draft. This module turns requests
into calls of `api.receiving.resumable`, which says what a process that dies leaves, and turns the results into answers.
"""

import logging
import secrets
import time
from contextlib import AbstractContextManager
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus

from flask import Response, jsonify, request

from api.access.auth import caller
from api.access.roles import UPLOADERS
from api.openapi.parameters import UploadPath
from api.receiving.body import GUNICORN_SOCKET, Body
from api.receiving.create_job import new_job_id, start_job
from api.receiving.digests import REPR_DIGEST, RequestedDigests, requested_digests
from api.receiving.idempotency import REPLAYED, idempotency_key
from api.receiving.resumable import draft, keys, tus
from api.receiving.resumable.completion import complete
from api.receiving.resumable.draft import Draft
from api.receiving.resumable.errors import UploadLengthInconsistent
from api.receiving.resumable.headers import Part
from api.receiving.resumable.tus import Tus
from api.receiving.resumable.upload import OpenUpload, find, keep_of, opened
from api.receiving.upload_errors import BundleTooLarge
from api.receiving.upload_slots import UploadSlots
from api.request_errors import MethodNotAllowed
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state_json import answer
from ingest.ledger import resumable_uploads
from ingest.ledger.idempotency_keys import KeyClaim
from ingest.ledger.resumable_uploads import UploadSnapshot
from ingest.ledger.user_shares import share_of
from ingest.spool import Announced, file_name
from ingest.spool.receive import refuse_empty
from ingest.states.job_state import received
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)
routes = Routes("uploads", __name__)

TOKEN_BYTES = 24
OVERRIDE = "X-HTTP-Method-Override"


@routes.undocumented("/uploads", UPLOADERS, methods=("OPTIONS",))
def describe() -> Response:
    """Describe what is supported; clients may ask before they create an upload."""
    settings = get_resources().settings
    return _empty(HTTPStatus.NO_CONTENT, {**tus.options(settings), **draft.options(settings)})


@routes.call("POST", "/uploads", operations.CREATE_UPLOAD, UPLOADERS)
def create() -> Response:
    """Create an upload, by tus or by the draft."""
    return create_upload(Draft() if draft.COMPLETE in request.headers and not tus.is_tus() else Tus())


# Before GET, which Flask would otherwise also use for HEAD.
@routes.undocumented("/uploads/<token>", UPLOADERS, methods=("HEAD",))
def report_offset(token: str) -> Response:
    """Report where the client continues, after the request that writes the upload has ended."""
    protocol = _protocol()
    protocol.check()
    with _opened(token) as upload:
        _complete(upload)
        return _describe(protocol.offset_status, protocol, upload.upload)


@routes.call("GET", "/uploads/<token>", operations.GET_UPLOAD, UPLOADERS)
def report(path: UploadPath) -> Response:
    """Report an upload as JSON, without ending the request that writes it; HEAD is answered by `report_offset`."""
    upload = find(get_resources(), path.token, caller().user)
    response = jsonify(
        offset=upload.offset,
        length=upload.length,
        complete=upload.has_job,
        job_id=upload.job_id if upload.has_job else None,
        expires=_expires(upload),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.call("PATCH", "/uploads/<token>", operations.CONTINUE_UPLOAD, UPLOADERS)
def continue_upload(path: UploadPath) -> Response:
    """Append the body to an upload; the last byte makes it a job."""
    protocol = _protocol()
    part = protocol.continuation()
    with _slot(), _opened(path.token) as upload:
        return _receive(upload, part, protocol, HTTPStatus.NO_CONTENT)


@routes.call("DELETE", "/uploads/<token>", operations.REMOVE_UPLOAD, UPLOADERS)
def remove(path: UploadPath) -> Response:
    """Remove an upload that has no job yet."""
    protocol = _protocol()
    protocol.check()
    with _opened(path.token) as upload:
        upload.remove()
    return _empty(HTTPStatus.NO_CONTENT, {"Tus-Resumable": tus.TUS_VERSION} if tus.is_tus() else {})


@routes.undocumented("/uploads/<token>", UPLOADERS, methods=("POST",))
def override(token: str) -> Response:
    """Do what the header names, for clients behind a proxy that knows only GET and POST (tus 1.0.0)."""
    views = {"PATCH": continue_upload, "DELETE": remove}
    view = views.get(request.headers.get(OVERRIDE, ""))
    if view is None:
        raise MethodNotAllowed(f"send PATCH or DELETE, or POST with one of them in {OVERRIDE}")
    return view(UploadPath(token=token))


def create_upload(protocol: Tus | Draft) -> Response:
    """Create an upload, append the body of the request, if any, and answer its address.

    With an `Idempotency-Key` that was sent before, the first upload is answered. Raises the errors of a bundle in one
    request, UploadHeaderInvalid, UploadLengthInconsistent, TusVersionUnsupported, UploadHasJob.
    """
    part = protocol.creation()
    with _slot():
        claim = _claim(part)
        if isinstance(claim, str):
            return _answer_again(protocol, claim)
        token = _create(part, claim)
        location = _location(token)
        if isinstance(protocol, Draft) and draft.wants_address_early():
            _send_address(location["Location"])
        with _opened(token) as upload:
            response = _receive(upload, part, protocol, HTTPStatus.CREATED)
    response.headers.update(location)
    return response


def _claim(part: Part) -> KeyClaim | str | None:
    """Return the claim on the request's idempotency key, or the token of the upload that the key already has."""
    key = idempotency_key(request.headers)
    if key is None:
        return None
    digest = request.headers.get(REPR_DIGEST)
    return keys.claim_or_find(get_resources(), caller().user, key, part.length, digest)


def _answer_again(protocol: Tus | Draft, token: str) -> Response:
    """Answer a creation that was sent again; its body is not read, and the client continues at the offset."""
    with _opened(token) as upload:
        _complete(upload)
        response = _describe(HTTPStatus.CREATED, protocol, upload.upload)
    response.headers.update({**_location(token), **REPLAYED})
    return response


def _create(part: Part, key: KeyClaim | None) -> str:
    """Commit a new upload; return its token."""
    resources, user = get_resources(), caller().user
    settings, token = resources.settings, secrets.token_urlsafe(TOKEN_BYTES)
    # Refused now if it is malformed.
    requested_digests(request.headers)
    if part.length is not None:
        refuse_empty(part.length)
        if part.length > settings.largest_bundle:
            raise BundleTooLarge(f"the limit is {settings.largest_bundle} bytes")
    job_id = new_job_id(resources)
    announced = Announced(job_id, file_name(job_id, "tar"), part.length, user)
    resumable_uploads.create(
        resources.engine,
        settings.volume_path,
        announced,
        token,
        request.headers.get(REPR_DIGEST),
        settings.spool_kept_free,
        share_of(settings, user),
        key,
    )
    return token


def _receive(upload: OpenUpload, part: Part, protocol: Tus | Draft, status: HTTPStatus) -> Response:
    """Append the body of the request, complete the upload if it was the last, and answer."""
    settings = get_resources().settings
    if not upload.upload.has_job or part.offset != upload.upload.offset:
        upload.accept(part)
    too_large = BundleTooLarge if upload.upload.length is None else UploadLengthInconsistent
    body = Body(settings, upload.largest_part(), too_large, may_be_empty=True)
    if not upload.upload.has_job:
        upload.receive(body, part)
    job = _complete(upload)
    is_creation_of_tus = status is HTTPStatus.CREATED and isinstance(protocol, Tus)
    response = _empty(status) if job is None or is_creation_of_tus else protocol.complete(job)
    response.headers.update({**_headers(protocol, upload.upload), **_repr_digest(job)})
    return response


def _complete(upload: OpenUpload) -> Response | None:
    """Commit and start the job of a whole upload; return the answer that a bundle in one request gets, else None."""
    begun, is_new = time.monotonic(), not upload.upload.has_job
    digests = requested_digests(request.headers)
    # The digest of a body covers this request only.
    whole = RequestedDigests(tuple(each for each in digests.declared if each.header == REPR_DIGEST), digests.wanted)
    completed = complete(upload, whole)
    if completed is None:
        return None
    snapshot, found = completed
    job = snapshot.received
    failpoint("upload.committed", job.job_id)
    if is_new:
        triggered = start_job(get_resources(), job)
        upload.upload = find(get_resources(), upload.upload.token, caller().user)
        logger.info(
            "job %d received: kind=%s bytes=%d user=%r seconds=%.2f triggered=%s",
            job.job_id, job.kind, job.size, job.user, time.monotonic() - begun, triggered,
        )  # fmt: skip
    response = answer(job.job_id, received(), snapshot.created, snapshot.updated)
    if whole.wanted in found:
        response.headers.update(whole.answer_headers(found))
    return response


def _repr_digest(job: Response | None) -> dict[str, str]:
    """Return the digest of the stored bytes, if the answer to the last request has it."""
    return {REPR_DIGEST: job.headers[REPR_DIGEST]} if job is not None and REPR_DIGEST in job.headers else {}


def _location(token: str) -> dict[str, str]:
    return {"Location": f"/uploads/{token}"}


def _opened(token: str) -> AbstractContextManager[OpenUpload]:
    return opened(get_resources(), token, caller().user, caller().submitter)


def _slot() -> AbstractContextManager[None]:
    resources, user = get_resources(), caller().user
    return resources.get(UploadSlots).one(user, share_of(resources.settings, user).uploads)


def _protocol() -> Tus | Draft:
    return Tus() if tus.is_tus() else Draft()


def _describe(status: HTTPStatus, protocol: Tus | Draft, upload: UploadSnapshot) -> Response:
    return _empty(status, _headers(protocol, upload))


def _headers(protocol: Tus | Draft, upload: UploadSnapshot) -> dict[str, str]:
    job = {"Link": f'</jobs/{upload.job_id}>; rel="related"'} if upload.has_job else {}
    return {
        "Cache-Control": "no-store",
        "Upload-Expires": _expires(upload),
        **protocol.headers(upload, get_resources().settings),
        **job,
    }


def _expires(upload: UploadSnapshot) -> str:
    return format_datetime((upload.updated + keep_of(get_resources())).astimezone(UTC), usegmt=True)


def _empty(status: HTTPStatus, headers: dict[str, str] | None = None) -> Response:
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def _send_address(location: str) -> None:
    """Send a 104 with the address of the new upload (draft -12, 4.2), so that the client can resume from the first byte."""
    connection = request.environ.get(GUNICORN_SOCKET)
    if connection is not None and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        head = f"HTTP/1.1 104 Upload Resumption Supported\r\n{draft.INTEROP_HEADER}: {draft.INTEROP_VERSION}\r\n"
        connection.sendall(f"{head}Location: {location}\r\n\r\n".encode())
