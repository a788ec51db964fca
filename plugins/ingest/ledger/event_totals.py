"""Count the events of all jobs, for the metrics of the API, without reading all of them for each answer.

An event is never changed, so each is counted once. Housekeeping adds new events to the table `event_total`
(`count_events`); `read_totals` adds the few that follow. Both use the same query, in one snapshot, so the sums are those
over all events at that moment, equal in every process, and never decrease. docs/decisions/0029-metrics-from-events.md has
the measurements.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Float,
    Select,
    SQLColumnExpression,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.models import Event, EventTotal, EventTotalPosition, Job

# The upper bounds of the buckets of durations, in seconds: from a small stage to a job of many days.
BOUNDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 4 * 3600, 24 * 3600, math.inf)
# The ids that one transaction adds, and that `read_totals` reads at most.
BATCH_SIZE = 20_000
# Housekeeping continues a minute later.
MAX_BATCHES = 50
POSITION_ID = 1
NO_DURATION = 0.0
KEYS = (EventTotal.event, EventTotal.kind, EventTotal.stage, EventTotal.code, EventTotal.upper_bound)
SUMS = (EventTotal.count, EventTotal.files, EventTotal.bytes, EventTotal.seconds)


@dataclass(frozen=True)
class Total:
    """The events of one kind; the fields are those of `EventTotal`."""

    event: str
    kind: str
    stage: str
    code: str
    upper_bound: float
    count: int
    files: int
    bytes: int
    seconds: float


def read_totals(session: Session) -> list[Total]:
    """Return the totals of all events; the session must read from one snapshot (REPEATABLE READ)."""
    counted_id = session.scalar(select(EventTotalPosition.counted_id)) or 0
    counted = select(*KEYS, *SUMS)
    both = counted.union_all(_grouped(counted_id, counted_id + BATCH_SIZE)).subquery().c
    keys, sums = list(both)[: len(KEYS)], list(both)[len(KEYS) :]
    # PostgreSQL adds integers to a Decimal.
    added = [cast(func.sum(each), BigInteger) for each in sums[:-1]] + [func.sum(sums[-1])]
    return [Total(*row) for row in session.execute(select(*keys, *added).group_by(*keys))]


def last_counted(session: Session) -> datetime | None:
    """Return when housekeeping last counted events; None if it never has."""
    return session.scalar(select(EventTotalPosition.at))


def count_events(engine: Engine) -> int:
    """Add the events that are complete to the table; return how many ids were added. May be killed and repeated."""
    added = 0
    for _ in range(MAX_BATCHES):
        with transaction(engine) as session:
            batch = _count_batch(session)
        added += batch
        if batch < BATCH_SIZE:
            break
    return added


def _count_batch(session: Session) -> int:
    position = _lock_position(session)
    if position.next_transaction > _oldest_running(session):
        return 0
    first, last = position.counted_id, min(position.next_id, position.counted_id + BATCH_SIZE)
    if last > first:
        new = insert(EventTotal).from_select([*(each.key for each in (*KEYS, *SUMS))], _grouped(first, last))
        sums = {each.key: each + new.excluded[each.key] for each in SUMS}
        session.execute(new.on_conflict_do_update(index_elements=[each.key for each in KEYS], set_=sums))
    position.counted_id = last
    if last == position.next_id:
        # In this order: each transaction that has an event up to this id began before the second query.
        position.next_id = max(last, session.scalar(select(func.max(Event.id))) or 0)
        position.next_transaction = _next_transaction(session)
    return last - first


def _lock_position(session: Session) -> EventTotalPosition:
    """Return the position; a second process that counts waits here, then continues after the first."""
    start = insert(EventTotalPosition).values(
        id=POSITION_ID, counted_id=0, next_id=0, next_transaction=0, at=func.now()
    )
    lock = start.on_conflict_do_update(index_elements=["id"], set_={"at": func.now()}).returning(EventTotalPosition)
    return session.scalars(lock).one()


def _oldest_running(session: Session) -> int:
    """Return the oldest transaction that has not ended."""
    return _transaction(session, "pg_snapshot_xmin(pg_current_snapshot())")


def _next_transaction(session: Session) -> int:
    """Return the first transaction that has not begun."""
    return _transaction(session, "pg_snapshot_xmax(pg_current_snapshot())")


def _transaction(session: Session, expression: str) -> int:
    return int(session.execute(select(literal_column(f"{expression}::text"))).scalar_one())


def _grouped(after: int, last: int) -> Select[tuple[str, str, str, str, float, int, int, int, float]]:
    """Return the query of the totals of a range of ids, with the columns of the table."""
    # Values in the statement instead of parameters or subqueries, so that the index on ids is always chosen.
    in_range = and_(Event.id > literal(after), Event.id <= literal(last))
    events = (
        select(
            Event.kind.label("event"),
            func.coalesce(Job.kind, "").label("kind"),
            func.coalesce(Event.stage, "").label("stage"),
            func.coalesce(Event.code, "").label("code"),
            _at(EventKind.CATALOGED, Job.files).label("files"),
            case(
                (Event.kind == EventKind.RECEIVED, _received_bytes()), else_=_at(EventKind.CATALOGED, Job.bytes)
            ).label("bytes"),
            _duration().label("seconds"),
        )
        .outerjoin(Job, Job.id == Event.job_id)
        .where(in_range)
        # Without it, PostgreSQL would search the start of a stage again for each bucket.
        .offset(0)
        .subquery()
        .c
    )
    buckets = [(events.seconds <= bound, literal(bound)) for bound in BOUNDS[:-1]]
    upper_bound = case((events.seconds.is_(None), literal(NO_DURATION)), *buckets, else_=literal(math.inf))
    keys = (events.event, events.kind, events.stage, events.code, upper_bound.label("upper_bound"))
    return select(
        *keys,
        func.count().label("count"),
        cast(func.coalesce(func.sum(events.files), 0), BigInteger).label("files"),
        cast(func.coalesce(func.sum(events.bytes), 0), BigInteger).label("bytes"),
        func.coalesce(func.sum(events.seconds), 0.0).label("seconds"),
    ).group_by(*(literal_column(str(number + 1)) for number in range(len(keys))))


def _at(kind: EventKind, value: SQLColumnExpression[int | None]) -> ColumnElement[int | None]:
    return case((Event.kind == kind, value), else_=null())


def _received_bytes() -> ColumnElement[int]:
    """Return the size in the text of the event: the size in the job's row changes when its bundle is replaced."""
    return cast(func.substring(Event.text, "^[0-9]+"), BigInteger)


def _duration() -> ColumnElement[float]:
    """Return the seconds since the stage or, when the job is complete, since its upload began; NULL for other events."""
    started = aliased(Event)
    began = (
        select(func.max(started.at))
        .where(
            started.job_id == Event.job_id,
            started.id < Event.id,
            started.kind == EventKind.STAGE_STARTED,
            started.stage == Event.stage,
        )
        .scalar_subquery()
    )
    since = case((Event.kind == EventKind.STAGE_FINISHED, began), (Event.kind == EventKind.CATALOGED, Job.created))
    seconds = cast(func.extract("epoch", Event.at - since), Float)
    # A clock may have been set back.
    return case((seconds < 0, 0.0), else_=seconds)
