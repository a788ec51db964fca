"""The totals of events: each event counts once, whenever housekeeping counts and whatever runs beside it."""

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, delete, insert, select, text, update

from ingest.errors.types import ServiceUnavailable
from ingest.ledger import event_totals
from ingest.ledger.database import transaction
from ingest.ledger.event_totals import Total, count_events, read_totals
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Event, EventTotal, EventTotalPosition, Job
from ingest.states.stages import Kind, Stage
from tests.job_creation import create_job
from tests.ledger.job_rows import received


def read(engine: Engine) -> list[Total]:
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as session:
        return sorted(read_totals(session), key=str)


def numbers(totals: Iterable[Total]) -> Counter[str]:
    found: Counter[str] = Counter()
    for total in totals:
        found[total.event] += total.count
    return found


def stored(engine: Engine) -> int:
    with transaction(engine) as session:
        return sum(session.scalars(select(EventTotal.count)))


def count_all(engine: Engine) -> None:
    """Count as housekeeping does: the first run finds the events, a later one knows that they are complete."""
    count_events(engine)
    count_events(engine)


@pytest.fixture
def engine(separate_engine: Engine) -> Engine:
    """Return an empty ledger with a job of 10 bytes."""
    create_job(separate_engine, received(1))
    return separate_engine


def set_times(engine: Engine, kind: EventKind, seconds: float) -> None:
    """Date the events of a kind some seconds after 2026 began."""
    with transaction(engine) as session:
        at = text(f"timestamptz '2026-01-01 00:00Z' + interval '{seconds} seconds'")
        session.execute(update(Event).where(Event.kind == kind).values(at=at))


def test_totals_are_the_same_before_and_after_they_are_counted(engine: Engine):
    with acquire_job(engine, 1, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.finish_stage()
    set_times(engine, EventKind.STAGE_STARTED, 0)
    set_times(engine, EventKind.STAGE_FINISHED, 7)
    before = read(engine)
    assert Total("stage_finished", "ingest", "open_tar", "", 10.0, 1, 0, 0, 7.0) in before
    assert Total("received", "ingest", "", "", 0.0, 1, 0, 10, 0.0) in before
    count_all(engine)
    assert stored(engine) == 3
    assert read(engine) == before


def test_a_complete_job_counts_its_files_and_its_time(engine: Engine):
    with transaction(engine) as session:
        created = text("timestamptz '2026-01-01 00:00Z'")
        session.execute(update(Job).values(outcome="catalogued", files=3, bytes=2**40, created=created))
        add_event(session, 1, EventKind.CATALOGED, Stage.INGEST_METADATA)
    set_times(engine, EventKind.CATALOGED, 100_000)
    found = Total("catalogued", "ingest", "ingest_metadata", "", float("inf"), 1, 3, 2**40, 100_000.0)
    assert found in read(engine)
    count_all(engine)
    assert found in read(engine)


def test_the_received_bytes_stay_when_the_bundle_is_replaced(engine: Engine):
    with transaction(engine) as session:
        session.execute(update(Job).values(size=3))
    assert sum(total.bytes for total in read(engine)) == 10


def test_failures_are_counted_by_stage_and_code(engine: Engine):
    for _ in range(2):
        with acquire_job(engine, 1, Stage.INGEST_FILES, 1) as lease:
            assert lease is not None
            lease.fail_stage(ServiceUnavailable.code, "no answer", final=False)
    assert Total(
        "stage_will_be_tried_again", "ingest", "ingest_files", "service_unavailable", 0.0, 2, 0, 0, 0.0
    ) in read(engine)


def test_an_upload_without_a_job_has_no_kind(engine: Engine):
    with transaction(engine) as session:
        add_event(session, 99, EventKind.UPLOAD_REFUSED, code="upload_cut_off")
    assert Total("upload_refused", "", "", "upload_cut_off", 0.0, 1, 0, 0, 0.0) in read(engine)


def test_a_stage_whose_clock_was_set_back_took_no_time(engine: Engine):
    with acquire_job(engine, 1, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.finish_stage()
    set_times(engine, EventKind.STAGE_STARTED, 60)
    set_times(engine, EventKind.STAGE_FINISHED, 0)
    assert Total("stage_finished", "ingest", "open_tar", "", 0.5, 1, 0, 0, 0.0) in read(engine)


def test_an_event_of_a_transaction_that_commits_late_is_counted(engine: Engine):
    with engine.connect() as slow, slow.begin():
        slow.execute(insert(Event).values(job_id=1, kind=EventKind.RETRY))
        with transaction(engine) as session:
            add_event(session, 1, EventKind.CLEARED)
        # The event that commits later has the smaller id.
        count_all(engine)
        assert numbers(read(engine)) == {"received": 1, "cleared": 1}
    assert numbers(read(engine)) == {"received": 1, "cleared": 1, "retry": 1}
    count_all(engine)
    assert stored(engine) == 3
    assert numbers(read(engine)) == {"received": 1, "cleared": 1, "retry": 1}


def test_two_processes_count_each_event_once(engine: Engine):
    with transaction(engine) as session:
        session.execute(insert(Event), [{"job_id": 1, "kind": EventKind.CLEARED} for _ in range(500)])
    count_events(engine)
    threads = [threading.Thread(target=count_events, args=(engine,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(engine) == 501


def test_counting_that_fails_leaves_everything_to_the_next_one(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    count_events(engine)
    with monkeypatch.context() as broken:
        # The last statement of the transaction reads it.
        broken.setattr(event_totals, "max", lambda *_: 1 / 0, raising=False)
        with pytest.raises(ZeroDivisionError):
            count_events(engine)
    assert stored(engine) == 0
    count_all(engine)
    assert stored(engine) == 1


def test_totals_survive_the_events(engine: Engine):
    count_all(engine)
    before = read(engine)
    with transaction(engine) as session:
        session.execute(delete(Event))
    assert read(engine) == before


def test_a_long_history_is_counted_in_batches_and_totals_only_grow(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_totals, "BATCH_SIZE", 100)
    monkeypatch.setattr(event_totals, "MAX_BATCHES", 2)
    with transaction(engine) as session:
        session.execute(insert(Event), [{"job_id": 1, "kind": EventKind.CLEARED} for _ in range(999)])
    found = []
    for _ in range(8):
        found.append(numbers(read(engine)).total())
        count_events(engine)
    assert found == sorted(found)
    assert (found[0], found[-1]) == (100, 1000)


def test_the_time_of_counting_advances_without_events(engine: Engine):
    count_all(engine)
    with transaction(engine) as session:
        session.execute(update(EventTotalPosition).values(at=EventTotalPosition.at - timedelta(hours=1)))
        before = event_totals.last_counted(session)
    count_events(engine)
    with transaction(engine) as session:
        after = event_totals.last_counted(session)
    assert before is not None
    assert after is not None
    assert after > before


def test_counting_continues_after_a_backup_was_restored_in_another_cluster(engine: Engine):
    count_events(engine)
    with transaction(engine) as session:
        session.execute(update(EventTotalPosition).values(next_transaction=2**62))
    count_events(engine)
    assert stored(engine) == 1


def test_sums_of_durations_do_not_depend_on_when_they_are_counted(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_totals, "BATCH_SIZE", 7)
    for number in range(30):
        with acquire_job(engine, 1, Stage.OPEN_TAR, number) as lease:
            assert lease is not None
            lease.finish_stage()
    found = set()
    for _ in range(3):
        monkeypatch.setattr(event_totals, "BATCH_SIZE", 1000)
        found |= {total.seconds for total in read(engine) if total.event == EventKind.STAGE_FINISHED}
        monkeypatch.setattr(event_totals, "BATCH_SIZE", 7)
        monkeypatch.setattr(event_totals, "MAX_BATCHES", 3)
        count_events(engine)
    assert len(found) == 1


def test_a_move_has_its_own_totals(engine: Engine):
    create_job(engine, received(2, Kind.MOVE))
    assert {(total.event, total.kind) for total in read(engine)} == {("received", "ingest"), ("received", "move")}
