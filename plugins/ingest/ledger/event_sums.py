"""The query that adds up events for metrics: their number by kind, stage and code, and what they report.

Used by `ingest.ledger.event_totals` for the events that the table `event_total` gets, and for those that follow.
"""

import math
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Select,
    SQLColumnExpression,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.orm import aliased

from ingest.ledger.events import EventKind
from ingest.ledger.models import Event, Job

# The upper bounds of the buckets of durations, in seconds: from a small stage to a job of many days.
BOUNDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 4 * 3600, 24 * 3600, math.inf)
NO_DURATION = 0.0


def sum_events(after: int, last: int) -> Select[Any]:
    """Return the query that adds up the events of a range of ids, with the columns of the table `event_total`."""
    events = _events(after, last).subquery().c
    buckets = [(events.seconds <= bound, literal(bound)) for bound in BOUNDS[:-1]]
    upper_bound = case((events.seconds.is_(None), literal(NO_DURATION)), *buckets, else_=literal(math.inf))
    keys = (events.event, events.kind, events.stage, events.code, upper_bound.label("upper_bound"))
    return select(
        *keys,
        func.count().label("count"),
        cast(func.coalesce(func.sum(events.files), 0), BigInteger).label("files"),
        cast(func.coalesce(func.sum(events.bytes), 0), BigInteger).label("bytes"),
        func.coalesce(func.sum(events.seconds), 0).label("seconds"),
    ).group_by(*(literal_column(str(number + 1)) for number in range(len(keys))))


def _events(after: int, last: int) -> Select[*tuple[Any, ...]]:
    """Return the query of the single events."""
    return (
        select(
            Event.kind.label("event"),
            func.coalesce(Job.kind, "").label("kind"),
            func.coalesce(Event.stage, "").label("stage"),
            func.coalesce(Event.code, "").label("code"),
            _at(EventKind.CATALOGED, Job.files).label("files"),
            func.coalesce(_at(EventKind.RECEIVED, _received_bytes()), _at(EventKind.CATALOGED, Job.bytes)).label(
                "bytes"
            ),
            _duration().label("seconds"),
        )
        .outerjoin(Job, Job.id == Event.job_id)
        # Values instead of subqueries, so that PostgreSQL chooses the index on ids.
        .where(Event.id > after, Event.id <= last)
        # Without it, PostgreSQL would search the start of a stage again for each bucket.
        .offset(0)
    )


def _at(kind: EventKind, value: SQLColumnExpression[int | None]) -> ColumnElement[int | None]:
    return case((Event.kind == kind, value), else_=null())


def _received_bytes() -> ColumnElement[int]:
    """Return the size in the text of the event: the size in the job's row changes when its bundle is replaced."""
    return cast(func.substring(Event.text, "^[0-9]+"), BigInteger)


def _duration() -> ColumnElement[Decimal]:
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
    seconds = cast(func.extract("epoch", Event.at - since), Numeric)
    # A clock may have been set back.
    return case((seconds < 0, 0), else_=seconds)
