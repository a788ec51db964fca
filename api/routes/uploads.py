"""Resumable uploads: `/uploads` by tus 1.0.0, and its resources by the IETF draft.

`api.routes.upload_creation` creates them, and `api.routes.upload_answers` makes the answers.
`api.receiving.resumable.upload` says what a process that dies leaves.
"""

from http import HTTPStatus

from flask import Response, jsonify, request

from api.access.auth import caller
from api.access.roles import UPLOADERS
from api.openapi.parameters import UploadPath
from api.receiving.resumable import draft, tus
from api.receiving.resumable.draft import Draft
from api.receiving.resumable.opening import find
from api.receiving.resumable.tus import Tus
from api.request_errors import MethodNotAllowed
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.upload_answers import complete, describe, empty, expires, opened_upload, receive, upload_slot
from api.routes.upload_creation import add_limits, create_upload

routes = Routes("uploads", __name__)

OVERRIDE = "X-HTTP-Method-Override"
# POST is allowed only with the header OVERRIDE, so a refused POST does not name it.
ALLOWED = "DELETE, GET, HEAD, OPTIONS, PATCH"


@routes.undocumented("/uploads", UPLOADERS, methods=("OPTIONS",))
def describe_support() -> Response:
    """Describe what is supported; clients may ask before they create an upload."""
    return _describe_support("OPTIONS, POST")


# Before the other methods, for which Flask would otherwise answer OPTIONS.
@routes.undocumented("/uploads/<token>", UPLOADERS, methods=("OPTIONS",))
def describe_support_for_upload(**_address: str) -> Response:
    """Describe what is supported at the address of an upload, whether it exists or not."""
    return _describe_support(f"{ALLOWED}, POST")


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
    with opened_upload(token) as upload:
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
    with opened_upload(path.token) as upload, upload_slot():
        return receive(upload, part, protocol, HTTPStatus.NO_CONTENT)


@routes.call("DELETE", "/uploads/<token>", operations.REMOVE_UPLOAD, UPLOADERS)
def remove(path: UploadPath) -> Response:
    """Remove an upload that has no job yet."""
    _protocol().check()
    with opened_upload(path.token) as upload:
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


def _describe_support(allowed: str) -> Response:
    settings = get_resources().settings
    return empty(HTTPStatus.NO_CONTENT, {"Allow": allowed, **tus.options(settings), **draft.options(settings)})


def _protocol() -> Tus | Draft:
    return Tus() if tus.is_tus() else Draft()
