"""Resumable uploads: `/uploads` by tus 1.0.0, and its resources by the IETF draft.

`api.routes.bundles` creates uploads here too, for `POST /ingest` and `POST /upload` by the draft.
`api.receiving.resumable.upload` says what a process that dies leaves; `api.routes.upload_answers` makes the answers.
"""

from contextlib import AbstractContextManager
from http import HTTPStatus

from flask import Response, jsonify, request

from api.access.auth import caller
from api.access.roles import UPLOADERS
from api.openapi.parameters import UploadPath
from api.receiving.body import GUNICORN_SOCKET
from api.receiving.idempotency import REPLAYED
from api.receiving.resumable import creation, draft, tus
from api.receiving.resumable.draft import Draft
from api.receiving.resumable.headers import Part
from api.receiving.resumable.opening import find, opened
from api.receiving.resumable.tus import Tus
from api.receiving.resumable.upload import OpenUpload
from api.receiving.upload_slots import slot_of
from api.request_errors import MethodNotAllowed
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.upload_answers import complete, describe, empty, expires, location, receive
from ingest.ledger.idempotency_keys import KeyClaim

routes = Routes("uploads", __name__)

OVERRIDE = "X-HTTP-Method-Override"
ALLOWED = "DELETE, GET, HEAD, OPTIONS, PATCH"


@routes.undocumented("/uploads", UPLOADERS, methods=("OPTIONS",))
def describe_support() -> Response:
    """Describe what is supported; clients may ask before they create an upload."""
    settings = get_resources().settings
    return empty(HTTPStatus.NO_CONTENT, {**tus.options(settings), **draft.options(settings)})


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
        complete(upload)
        return describe(protocol.offset_status, protocol, upload.upload)


@routes.call("GET", "/uploads/<token>", operations.GET_UPLOAD, UPLOADERS)
def report(path: UploadPath) -> Response:
    """Report an upload as JSON, without ending the request that writes it; HEAD is answered by `report_offset`."""
    upload = find(get_resources(), path.token, caller().user)
    response = jsonify(
        offset=upload.offset,
        length=upload.length,
        complete=upload.has_job,
        job_id=upload.job_id if upload.has_job else None,
        expires=expires(upload),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.call("PATCH", "/uploads/<token>", operations.CONTINUE_UPLOAD, UPLOADERS)
def continue_upload(path: UploadPath) -> Response:
    """Append the body to an upload; the last byte makes it a job."""
    protocol = _protocol()
    part = protocol.continuation()
    # In this order: an older request on the upload, which ends now, may have the user's last slot.
    with _opened(path.token) as upload, _slot():
        return receive(upload, part, protocol, HTTPStatus.NO_CONTENT)


@routes.call("DELETE", "/uploads/<token>", operations.REMOVE_UPLOAD, UPLOADERS)
def remove(path: UploadPath) -> Response:
    """Remove an upload that has no job yet."""
    _protocol().check()
    with _opened(path.token) as upload:
        upload.remove()
    return empty(HTTPStatus.NO_CONTENT)


@routes.call("POST", "/uploads/<token>", operations.OVERRIDE_METHOD, UPLOADERS)
def override(path: UploadPath) -> Response:
    """Do what the header names, for clients behind a proxy that knows only GET and POST (tus 1.0.0)."""
    views = {"PATCH": continue_upload, "DELETE": remove}
    view = views.get(request.headers.get(OVERRIDE, ""))
    if view is None:
        raise MethodNotAllowed(f"send PATCH or DELETE, or POST with one of them in {OVERRIDE}", {"Allow": ALLOWED})
    return view(path)


@routes.after_request
def add_headers(response: Response) -> Response:
    """Add the headers that the protocols require in every answer, also in errors."""
    if tus.is_tus() or (request.method == "POST" and draft.COMPLETE not in request.headers):
        response.headers["Tus-Resumable"] = tus.TUS_VERSION
    return add_limits(response)


def add_limits(response: Response) -> Response:
    """Add the limits to an answer that refuses a request by the draft as too large (draft -12, 4.1.4)."""
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and draft.COMPLETE in request.headers:
        response.headers.update(draft.limits(get_resources().settings))
    return response


def create_upload(protocol: Tus | Draft) -> Response:
    """Create an upload, append the body of the request, if any, and answer its address.

    With an `Idempotency-Key` that was sent before, the first upload is answered. Raises the errors of a bundle in one
    request, UploadHeaderInvalid, UploadLengthInconsistent, TusVersionUnsupported, UploadHasJob.
    """
    part = protocol.creation()
    claim = creation.claim(get_resources(), caller().user, part)
    if isinstance(claim, str):
        return _answer_again(protocol, claim)
    with _slot():
        return _create(protocol, part, claim)


def _answer_again(protocol: Tus | Draft, token: str) -> Response:
    """Answer a creation that was sent again; its body is not read, and the client continues at the offset."""
    with _opened(token) as upload:
        complete(upload)
        response = describe(HTTPStatus.CREATED, protocol, upload.upload)
    response.headers.update({**location(token), **REPLAYED})
    return response


def _create(protocol: Tus | Draft, part: Part, claim: KeyClaim | None) -> Response:
    resources = get_resources()
    token = creation.create(resources, caller().user, part, claim)
    is_sent_early = isinstance(protocol, Draft) and draft.wants_address_early()
    with creation.removed_on_failure(resources, token, is_known=is_sent_early or claim is not None):
        if is_sent_early:
            _send_address(token)
        with _opened(token) as upload:
            response = receive(upload, part, protocol, HTTPStatus.CREATED)
    response.headers.setdefault("Location", location(token)["Location"])
    return response


def _opened(token: str) -> AbstractContextManager[OpenUpload]:
    return opened(get_resources(), token, caller().user, caller().submitter)


def _slot() -> AbstractContextManager[None]:
    return slot_of(get_resources(), caller().user)


def _protocol() -> Tus | Draft:
    return Tus() if tus.is_tus() else Draft()


def _send_address(token: str) -> None:
    """Send a 104 with the address of the new upload (draft -12, 4.2), so that the client can resume from the first byte."""
    connection = request.environ.get(GUNICORN_SOCKET)
    if connection is not None and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        headers = {
            draft.INTEROP_HEADER: draft.INTEROP_VERSION,
            **location(token),
            **draft.limits(get_resources().settings),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"HTTP/1.1 104 Upload Resumption Supported\r\n{lines}\r\n".encode())
