"""Check a metadata document before its bundle is sent: `POST /preflight`, and `POST /preflight/move` for move documents.

The check is that of the stages (`ingest.operations.preflight`). Nothing remains of a request, whatever ends it: the document
is in a file without a name, its rows are in temporary tables, and no id is allocated.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore
from typing import BinaryIO

from flask import Response

from api.access.auth import caller
from api.access.roles import UPLOADERS
from api.receiving.body import Body
from api.receiving.content_headers import refuse_all_but_json, refuse_part
from api.receiving.held_document import held
from api.receiving.move_document import check_move_document, check_mover
from api.receiving.upload_errors import BundleTooLarge, DocumentTooLarge, TooManyUploads
from api.receiving.upload_slots import RETRY_SECONDS, slot_of
from api.resources import get_resources
from api.routes import operations
from api.routes.bundles import LARGEST_DOCUMENT
from api.routes.preflight_json import acceptance, rejection
from api.routes.registration import Routes
from ingest.bundles.bundle import Section
from ingest.errors.types import InvalidMetadata, Rejection
from ingest.ledger.jobs import Received
from ingest.operations.preflight import Declared, check_document
from ingest.states.stages import Kind

routes = Routes("preflight", __name__)

# In one process. A check has a connection that the pool does not count, and needs the processor as long as it runs.
MAX_CHECKS = 2
WAIT_SECONDS = 60
_checks = BoundedSemaphore(MAX_CHECKS)


@routes.call("POST", "/preflight", operations.PREFLIGHT, UPLOADERS)
def check_bundle_metadata() -> Response:
    """Answer whether a job would accept the metadata of a bundle."""
    return answer_check(Kind.INGEST)


@routes.call("POST", "/preflight/move", operations.PREFLIGHT_MOVE, UPLOADERS)
def check_move() -> Response:
    """Answer whether a job would accept a move document."""
    check_mover(get_resources().settings, caller().user)
    return answer_check(Kind.MOVE)


def answer_check(kind: Kind) -> Response:
    """Receive a document, check it and answer the verdict.

    Raises TooManyUploads, UserLimit, MoveNotAllowed, BundleTooLarge, ServiceUnavailable, SubmittersUnavailable,
    DatabaseUnavailable, and the errors of `Body` and `held`.
    """
    refuse_all_but_json()
    refuse_part()
    resources, user = get_resources(), caller().user
    settings = resources.settings
    body = Body(settings, LARGEST_DOCUMENT, DocumentTooLarge)
    with slot_of(resources, user), held(body, settings) as (document, size):
        # A job of these facts would begin with this document; it has no id and no file in the spool.
        received = Received(0, kind, user, "", size, caller().submitter)
        try:
            declared = _check(received, document)
        except Rejection as error:
            return rejection(resources, error)
    if kind is Kind.INGEST and declared.size > settings.largest_bundle:
        raise BundleTooLarge(f"the files have {declared.size} bytes; the limit is {settings.largest_bundle} bytes")
    return acceptance(resources, declared)


def _check(received: Received, document: BinaryIO) -> Declared:
    resources = get_resources()
    if received.kind is Kind.MOVE:
        # Faults of the form are found again, together with all others.
        with suppress(InvalidMetadata):
            section = Section(document, 0, received.size)
            check_move_document(section, resources.settings, received.user)  # type: ignore[arg-type]
    with limited():
        return check_document(resources.settings, resources.services, received, document)


@contextmanager
def limited() -> Iterator[None]:
    """Hold one of the checks of this process during the `with` block; raises TooManyUploads after a minute."""
    if not _checks.acquire(timeout=WAIT_SECONDS):
        again = {"Retry-After": str(RETRY_SECONDS)}
        raise TooManyUploads(f"{MAX_CHECKS} checks of metadata are in progress; send it again later", again)
    try:
        yield
    finally:
        _checks.release()
