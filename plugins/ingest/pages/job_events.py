"""The history of a job: the last events on its page, all of them in pages.

Called by `ingest.pages.job_page`, and by both places that serve pages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from ingest.ledger import job_pages, jobs
from ingest.ledger.event_visibility import FOR_UPLOADERS, is_text_for_operators
from ingest.ledger.events import EventKind
from ingest.pages.cursors import row_of
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.states.stages import Stage

# The events on the page of the job, and on each page of its history.
LATEST_EVENTS, EVENTS_OF_PAGE = 10, 100


@dataclass(frozen=True)
class EventRow:
    """An event as a person reads it."""

    at: datetime
    kind: str
    stage: str
    attempt: int | None
    code: str
    text: str


def latest_events(engine: Engine, job_id: int, *, is_operator: bool) -> list[EventRow]:
    """Return the last events of a job, the newest first; raises DatabaseUnavailable."""
    rows = job_pages.read_latest_events(engine, job_id, _kinds(is_operator=is_operator), LATEST_EVENTS)
    return _to_rows(rows, is_operator=is_operator)


def show_events(engine: Engine, site: Site, job_id: int, query: Mapping[str, str], *, is_operator: bool) -> str:
    """Return a page of the events of a job, the oldest first; raises UnknownJob (ReceivedByOriginal)."""
    job = jobs.read(engine, job_id)
    kinds, after = _kinds(is_operator=is_operator), row_of(query)
    page = job_pages.read_events(engine, job_id, kinds, None, None, after, EVENTS_OF_PAGE)
    events = _to_rows(page.rows, is_operator=is_operator)
    return render("job_events.html", site=site, job=job, events=events, after=after, next=page.next)


def _kinds(*, is_operator: bool) -> frozenset[EventKind]:
    return frozenset(EventKind) if is_operator else FOR_UPLOADERS


def _to_rows(rows: Iterable[Row[Any]], *, is_operator: bool) -> list[EventRow]:
    return [_to_row(row, is_operator=is_operator) for row in rows]


def _to_row(row: Row[Any], *, is_operator: bool) -> EventRow:
    is_hidden = not is_operator and is_text_for_operators(row.kind, row.code)
    return EventRow(
        at=row.at,
        kind=row.kind.replace("_", " "),
        stage=Stage(row.stage).label if row.stage else "",
        attempt=row.attempt or None,
        code=row.code or "",
        text="" if is_hidden else row.text,
    )
