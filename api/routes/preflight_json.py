"""The JSON of the answers of `api.routes.preflight`, as `api.openapi.preflight_schemas` describes it."""

from http import HTTPStatus
from typing import Any

from flask import Response, jsonify

from api.resources import Resources
from ingest.errors.types import PolicyRejected, Rejection
from ingest.ledger.database import transaction
from ingest.ledger.spool_reservations import unreserved_bytes
from ingest.operations.preflight import Declared


def acceptance(resources: Resources, declared: Declared) -> Response:
    """Answer a document that the stages would accept; raises DatabaseUnavailable, SpoolUnavailable."""
    counts = {"files": declared.files, "bytes": declared.size}
    return jsonify(acceptable=True, policy="accepted", **counts, **_limits(resources))


def rejection(resources: Resources, error: Rejection) -> Response:
    """Answer a document that a stage would reject with this error; raises DatabaseUnavailable, SpoolUnavailable."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    response = jsonify(
        status=f"{status.value} {status.phrase}",
        code=error.code,
        message=error.text,
        acceptable=False,
        **error.details_of_job,
        policy="rejected" if isinstance(error, PolicyRejected) else "unchecked",
        **_limits(resources),
    )
    response.status_code = status
    return response


def _limits(resources: Resources) -> dict[str, Any]:
    """Return the largest bundle, and the free space of the spool that no upload has reserved."""
    settings = resources.settings
    with transaction(resources.engine) as session:
        left = unreserved_bytes(session, settings.volume_path) - settings.spool_kept_free
    return {"largest_bundle": settings.largest_bundle, "bytes_free": max(left, 0)}
