"""The short calls: what the service supports, preflight, move documents, and plain uploads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacifica_ingest_client.errors import (
    OutcomeUnknown,
    PreflightRefused,
    RequestRefused,
    ServiceFailed,
    ServiceUnavailable,
)
from pacifica_ingest_client.progress import NoProgress, Progress
from pacifica_ingest_client.service.body import Body
from pacifica_ingest_client.service.connection import Connection, json_of

PROTOCOL = "1.0.0"
JSON = "application/json"
BINARY = "application/octet-stream"
KEY = "Idempotency-Key"
UNPROCESSABLE = 422
# Statuses of a service, or of a server in between, that does not know a call.
UNKNOWN_CALL = frozenset({404, 405})
PREFLIGHT = "/preflight"
PREFLIGHT_MOVE = "/preflight/move"
BLOCK = 1024 * 1024
CHECK = "it may have received this: check whether there is a new job before you send it again"


@dataclass(frozen=True)
class Features:
    """What the service supports."""

    resumable: bool
    max_size: int | None = None


def read_features(connection: Connection) -> Features:
    """Query whether uploads can be resumed; raises ServiceUnavailable, RequestRefused."""
    try:
        answer = connection.request("OPTIONS", "/uploads")
    except RequestRefused as error:
        if error.status in UNKNOWN_CALL:
            return Features(resumable=False)
        raise
    except ServiceFailed:
        return Features(resumable=False)
    versions = answer.headers.get("Tus-Version", "").replace(" ", "").split(",")
    max_size = answer.headers.get("Tus-Max-Size", "")
    return Features(PROTOCOL in versions, int(max_size) if max_size.isdecimal() else None)


def preflight(connection: Connection, path: str, document: Path) -> bool:
    """Let the service check a document; return whether it supports that. Raises PreflightRefused."""
    try:
        connection.request("POST", path, headers={"Content-Type": JSON}, data=body_of(document))
    except RequestRefused as error:
        if error.status in UNKNOWN_CALL:
            return False
        if error.status == UNPROCESSABLE:
            raise _refused(error) from error
        raise
    return True


def post(connection: Connection, path: str, content_type: str, body: Body, key: str, *, is_repeatable: bool) -> int:
    """Post a bundle or a move document; return the job ID.

    A service that does not know idempotency keys (`is_repeatable` is False) may have received what was sent before the
    connection broke: raises OutcomeUnknown.
    """
    try:
        answer = connection.request("POST", path, headers={"Content-Type": content_type, KEY: key}, data=body)
    except ServiceUnavailable as error:
        # An answer says that there is no job, unless its code says that the service does not know.
        is_certain = error.answered and error.code != OutcomeUnknown.code
        if is_certain or is_repeatable or not body.sent:
            raise
        raise OutcomeUnknown(f"{error.text}; {CHECK}") from error
    return job_id_of(json_of(answer))


def job_id_of(document: dict[str, Any]) -> int:
    """Return the job ID of a state JSON; raises ServiceFailed."""
    try:
        return int(document["job_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceFailed("the service's answer names no job; is it the right URL?") from error


def body_of(document: Path, progress: Progress | None = None) -> Body:
    """Return a document as a body."""
    return Body(_blocks(document), document.stat().st_size, progress or NoProgress())


def _blocks(document: Path) -> Iterator[bytes]:
    with document.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def _refused(error: RequestRefused) -> PreflightRefused:
    faults = error.document.get("faults") or []
    texts = tuple(str(fault.get("text", fault)) if isinstance(fault, dict) else str(fault) for fault in faults)
    more = error.document.get("more_faults")
    if more:
        texts = (*texts, f"and {more} more")
    return PreflightRefused("the service would reject the metadata; no file was sent", texts or (error.text,))
