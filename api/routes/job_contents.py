"""Report the files and the events of a job: `GET /jobs/N/files` and `GET /jobs/N/events`, in pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from sqlalchemy import Row

from api.access.auth import caller
from api.access.roles import ALL_ROLES, Role
from api.openapi.job_parameters import EventsQuery, FilesQuery
from api.openapi.parameters import JobPath
from api.resources import get_resources
from api.routes import job_operations as operations
from api.routes.paging import answer_page
from api.routes.registration import Routes
from api.routes.state import read_visible
from api.routes.state_json import to_text
from ingest.errors.types import ReceivedByOriginal
from ingest.ledger import job_pages
from ingest.ledger.event_visibility import FOR_UPLOADERS, is_text_for_operators
from ingest.ledger.events import EventKind
from ingest.ledger.job_snapshots import JobSnapshot

routes = Routes("job contents", __name__)


@routes.call("GET", "/jobs/<job_id>/files", operations.LIST_FILES, ALL_ROLES)
def list_files(path: JobPath, query: FilesQuery) -> Response:
    """Answer a page of the files of a job, in the order in which they were recorded."""
    snapshot = _read_seen(path.job_id)
    if snapshot is None:
        return answer_page("files", [], None)
    engine = get_resources().engine
    page = job_pages.read_files(engine, path.job_id, query.state, query.path, query.cursor, query.limit)
    faults = job_pages.read_faults(engine, path.job_id) if snapshot.record.error else ()
    return answer_page("files", [_file(row, faults) for row in page.rows], page.next)


@routes.call("GET", "/jobs/<job_id>/events", operations.LIST_EVENTS, ALL_ROLES)
def list_events(path: JobPath, query: EventsQuery) -> Response:
    """Answer a page of the events of a job, in their order."""
    if _read_seen(path.job_id) is None:
        return answer_page("events", [], None)
    kinds = FOR_UPLOADERS if caller().role is Role.UPLOADER else frozenset(EventKind)
    if query.kind is not None:
        kinds &= {query.kind}
    engine = get_resources().engine
    page = job_pages.read_events(engine, path.job_id, kinds, query.stage, query.code, query.cursor, query.limit)
    return answer_page("events", [_event(row) for row in page.rows], page.next)


def _read_seen(job_id: int) -> JobSnapshot | None:
    """Read a job that the caller may see; None for a job of the original service, of which nothing but its state is known.

    Raises UnknownJob, DatabaseUnavailable.
    """
    try:
        return read_visible(job_id)
    except ReceivedByOriginal:
        return None


def _file(row: Row[Any], faults: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "path": row.path,
        "size": row.found_size if row.size is None else row.size,
        "hash_type": row.hash_type,
        "hash": row.hash_sum,
        "source": row.source,
        "file_id": row.file_id,
        "state": row.state,
        "fault": job_pages.fault_of(row.path, faults),
    }


def _event(row: Row[Any]) -> dict[str, Any]:
    is_hidden = caller().role is Role.UPLOADER and is_text_for_operators(row.kind, row.code)
    return {
        "id": row.id,
        "at": to_text(row.at),
        "kind": row.kind,
        "stage": row.stage,
        "attempt": row.attempt,
        "code": row.code,
        "text": "" if is_hidden else row.text,
    }
