"""Create a resumable upload for the current request.

Used by `api.routes.uploads`, and by `api.routes.bundles` for `POST /ingest` and `POST /upload` by the draft.
"""

from http import HTTPStatus

from flask import Response, request

from api.access.auth import caller
from api.receiving.idempotency import REPLAYED
from api.receiving.resumable import creation, draft
from api.receiving.resumable.draft import Draft
from api.receiving.resumable.headers import Part
from api.receiving.resumable.tus import Tus
from api.resources import get_resources
from api.routes.upload_answers import complete, describe, location, opened_upload, receive, upload_slot
from api.serving.request_client import GUNICORN_SOCKET
from ingest.ledger.idempotency_keys import KeyClaim


def create_upload(protocol: Tus | Draft) -> Response:
    """Create an upload, append the body of the request, if any, and answer its address.

    With an `Idempotency-Key` that was sent before, the first upload is answered. Raises the errors of a bundle in one
    request, UploadHeaderInvalid, UploadLengthInconsistent, TusVersionUnsupported, UploadHasJob.
    """
    part = protocol.creation()
    claim = creation.claim(get_resources(), caller().user, part)
    if isinstance(claim, str):
        return _answer_again(protocol, claim)
    with upload_slot():
        return _create(protocol, part, claim)


def add_limits(response: Response) -> Response:
    """Add the limits to an answer that refuses a request by the draft as too large (draft -12, 4.1.4)."""
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and draft.COMPLETE in request.headers:
        response.headers.update(draft.limits(get_resources().settings))
    return response


def _answer_again(protocol: Tus | Draft, token: str) -> Response:
    """Answer a creation that was sent again; its body is not read, and the client continues at the offset."""
    with opened_upload(token) as upload:
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
        with opened_upload(token) as upload:
            response = receive(upload, part, protocol, HTTPStatus.CREATED)
    response.headers.setdefault("Location", location(token)["Location"])
    return response


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
