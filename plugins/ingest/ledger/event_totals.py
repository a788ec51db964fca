"""Count the events of all jobs, for the metrics of the API, without reading all of them for each answer.

An event is never changed, so each is counted once. Housekeeping adds new events to the table `event_total`
(`count_events`); `read_totals` adds the few that follow. Both use the same query, in one snapshot, so the sums are those
over all events at that moment, equal in every process, and never decrease. Durations are added exactly.
docs/decisions/0028-metrics-from-events.md has the measurements.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Engine, Float, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.event_sums import sum_events
from ingest.ledger.models import Event, EventTotal, EventTotalPosition

# The ids that one transaction adds, and that `read_totals` reads at most.
BATCH_SIZE = 20_000
# Housekeeping continues a minute later.
MAX_BATCHES = 50
POSITION_ID = 1
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
    both = counted.union_all(sum_events(counted_id, counted_id + BATCH_SIZE)).subquery().c
    keys, sums = list(both)[: len(KEYS)], list(both)[len(KEYS) :]
    # PostgreSQL adds integers to a Decimal.
    added = [cast(func.sum(each), BigInteger) for each in sums[:-1]] + [cast(func.sum(sums[-1]), Float)]
    return [Total(*row) for row in session.execute(select(*keys, *added).group_by(*keys))]


def last_counted(session: Session) -> datetime | None:
    """Return when housekeeping last counted events; None if it never has."""
    return session.scalar(select(EventTotalPosition.at))


def count_events(engine: Engine) -> None:
    """Add the events that are complete to the table. May be killed and repeated; raises DatabaseUnavailable."""
    for _ in range(MAX_BATCHES):
        with transaction(engine) as session:
            if not _count_batch(session):
                return


def _count_batch(session: Session) -> bool:
    """Add a batch; return whether another one is complete."""
    position = _lock_position(session)
    if not _is_complete(session, position):
        return False
    first, complete = position.counted_id, position.next_id
    position.counted_id = min(complete, first + BATCH_SIZE)
    if position.counted_id > first:
        new = insert(EventTotal).from_select(
            [*(each.key for each in (*KEYS, *SUMS))], sum_events(first, position.counted_id)
        )
        sums = {each.key: each + new.excluded[each.key] for each in SUMS}
        session.execute(new.on_conflict_do_update(index_elements=[each.key for each in KEYS], set_=sums))
    if position.counted_id < complete:
        return True
    # In this order: each transaction that has an event up to this id began before the second query.
    position.next_id = max(complete, session.scalar(select(func.max(Event.id))) or 0)
    position.next_transaction = _read_transaction(session, "xmax")
    return False


def _is_complete(session: Session, position: EventTotalPosition) -> bool:
    """Return whether every transaction has ended that may add an event up to `next_id`."""
    oldest_running, following = (_read_transaction(session, name) for name in ("xmin", "xmax"))
    # Transactions are counted from the start again where a backup was restored.
    return position.next_transaction <= oldest_running or position.next_transaction > following


def _lock_position(session: Session) -> EventTotalPosition:
    """Return the position; a second process that counts waits here, then continues after the first."""
    start = insert(EventTotalPosition).values(
        id=POSITION_ID, counted_id=0, next_id=0, next_transaction=0, at=func.now()
    )
    lock = start.on_conflict_do_update(index_elements=["id"], set_={"at": func.now()}).returning(EventTotalPosition)
    return session.scalars(lock).one()


def _read_transaction(session: Session, name: str) -> int:
    """Return the oldest transaction that has not ended (`xmin`), or the first one that has not begun (`xmax`)."""
    return int(session.execute(select(literal_column(f"pg_snapshot_{name}(pg_current_snapshot())::text"))).scalar_one())
