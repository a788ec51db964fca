"""Read pages of the files and of the events of a job, in the order of their rows.

Called by `api.routes.job_contents` and `ingest.pages`. Each page begins after the last row of the page before (keyset
paging).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, func, select, true, tuple_

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.file_queries import READ_IN_INDEX_ORDER
from ingest.ledger.models import Event, File, FileState, Job
from ingest.system.sanitize import quote_name

FILES = File.metadata.tables[File.__tablename__]
# A page with a filter examines at most so many files, so that it takes no longer for a job of a million files.
MAX_EXAMINED = 10_000


@dataclass(frozen=True)
class Page:
    """Rows, and the row after which the next page begins; None after the last page."""

    rows: list[Row[Any]]
    next: int | None


def read_files(engine: Engine, job_id: int, state: FileState | None, path: str | None, after: int, limit: int) -> Page:
    """Return up to `limit` files of a job in a state and with a text in their path; raises DatabaseUnavailable.

    With a filter, a page may have fewer files, even none, although there is a next page.
    """
    most = MAX_EXAMINED if state is not None or path is not None else limit + 1
    examined = _rows_after(job_id, after).limit(most).cte("examined")
    end = select(func.max(examined.c.id).label("end"), func.count().label("examined")).subquery("end")
    conditions: list[ColumnElement[bool]] = [] if state is None else [examined.c.state == state]
    if path is not None:
        conditions.append(examined.c.path.contains(path, autoescape=True))
    found = select(examined).where(*conditions).order_by(examined.c.id).limit(limit).subquery("found")
    query = select(end, found).join_from(end, found, true(), isouter=True).order_by(found.c.id)
    with transaction(engine) as session:
        READ_IN_INDEX_ORDER.execute(session)
        rows = session.execute(query).all()
    return _page(rows, limit, has_more=rows[0].examined == most)


def read_events(
    engine: Engine,
    job_id: int,
    kinds: Collection[EventKind],
    stage: str | None,
    code: str | None,
    after: int,
    limit: int,
) -> Page:
    """Return up to `limit` events of a job of these kinds, and of a stage and with a code if named.

    Raises DatabaseUnavailable.
    """
    query = select(*Event.__table__.c).where(Event.job_id == job_id, Event.id > after, Event.kind.in_(kinds))
    if stage is not None:
        query = query.where(Event.stage == stage)
    if code is not None:
        query = query.where(Event.code == code)
    with transaction(engine) as session:
        rows = list(session.execute(query.order_by(Event.id).limit(limit + 1)))
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def read_latest_events(engine: Engine, job_id: int, kinds: Collection[EventKind], limit: int) -> Sequence[Row[Any]]:
    """Return the last events of a job of these kinds, the newest first; raises DatabaseUnavailable."""
    query = select(*Event.__table__.c).where(Event.job_id == job_id, Event.kind.in_(kinds))
    with transaction(engine) as session:
        return session.execute(query.order_by(Event.id.desc()).limit(limit)).all()


def read_faults(engine: Engine, job_id: int) -> Sequence[Mapping[str, str]]:
    """Return the faults of a job's last error, each with its code and its text; raises DatabaseUnavailable."""
    with transaction(engine) as session:
        return session.scalar(select(Job.error["faults"]).where(Job.id == job_id)) or []


def fault_of(path: str, faults: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """Return the first of a job's faults that names a file; None if none does."""
    quoted = quote_name(path)
    return next((fault for fault in faults if quoted in fault["text"]), None)


def _rows_after(job_id: int, after: int) -> Select[Any]:
    # Not `job_id = ...`: for a job with many of all files, the planner would then read the primary key from its start.
    job, row = FILES.c.job_id, FILES.c.id
    return select(*FILES.c).where(tuple_(job, row) > (job_id, after), job <= job_id).order_by(job, row)


def _page(rows: Sequence[Row[Any]], limit: int, *, has_more: bool) -> Page:
    """Return the page of the found files; `has_more` if there are files after those that were examined."""
    end = rows[0].end
    found = [row for row in rows if row.id is not None]
    if len(found) == limit and (has_more or found[-1].id < end):
        return Page(found, found[-1].id)
    return Page(found, end if has_more else None)
