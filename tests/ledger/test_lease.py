"""Only the newest process of a job may write; an older process notices that it lost the fence."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event, text

from ingest.errors.types import FenceLost, JobBusy, JobOverridden, StageSkipped, UnknownJob
from ingest.ledger import jobs, lease, locks
from ingest.ledger.events import EventKind
from ingest.ledger.lease import JobLease, acquire_job
from ingest.ledger.models import REMOVED, Job
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.stages import STAGES, Kind, Stage


@pytest.fixture(autouse=True)
def no_check_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the fence at every report of progress."""
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)


@pytest.fixture
def lease_of_job(database_engine: Engine, job_id: int) -> Iterator[JobLease]:
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as mine:
        assert mine is not None
        yield mine


def acquire(engine: Engine, job_id: int, stage: Stage = Stage.OPEN_TAR) -> None:
    """Acquire a job as a newer process does, without waiting for the lock."""
    lease._acquire(engine, job_id, stage, 2)


def test_unknown_job_cannot_be_acquired(database_engine: Engine):
    with pytest.raises(UnknownJob), acquire_job(database_engine, 4_999_999, Stage.OPEN_TAR, 1):
        pass


@pytest.mark.parametrize("write", ["report_progress", "update_job", "event", "finish_stage", "fail_stage"])
def test_every_write_of_an_older_process_raises_fence_lost(
    database_engine: Engine, lease_of_job: JobLease, job_id: int, write: str
):
    acquire(database_engine, job_id)
    before = jobs.read(database_engine, job_id)
    writes: dict[str, Callable[[], None]] = {
        "report_progress": lambda: lease_of_job.report_progress(5, 10),
        "update_job": lambda: lease_of_job.update_job(outcome=Outcome.CATALOGED),
        "event": lambda: lease_of_job.event(EventKind.RETRY, ""),
        "finish_stage": lease_of_job.finish_stage,
        "fail_stage": lambda: lease_of_job.fail_stage("code", "text", final=True),
    }
    with pytest.raises(FenceLost):
        writes[write]()
    assert jobs.read(database_engine, job_id) == before


def test_override_stops_the_process_that_holds_the_job(database_engine: Engine, lease_of_job: JobLease, job_id: int):
    jobs.override(database_engine, job_id, JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True))
    with pytest.raises(FenceLost):
        lease_of_job.report_progress(1, 10)


def test_state_that_is_ok_by_hand_holds_until_the_next_stage_begins(database_engine: Engine, job_id: int):
    given = JobState(JobStatus.OK, "open tar", 50.0, "by hand", complete=False)
    jobs.override(database_engine, job_id, given)
    assert jobs.read(database_engine, job_id).record.override == given
    acquire(database_engine, job_id)
    assert jobs.read(database_engine, job_id).record.override is None


def test_overridden_job_cannot_be_acquired(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True))
    with pytest.raises(JobOverridden, match="by hand"), acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1):
        pass


@pytest.mark.parametrize("stage", STAGES[Kind.INGEST])
def test_cataloged_job_yields_no_lease(database_engine: Engine, job_id: int, lease_of_job: JobLease, stage: Stage):
    lease_of_job.update_job(outcome=Outcome.CATALOGED, finished=Stage.INGEST_METADATA, spool_name=REMOVED)
    with acquire_job(database_engine, job_id, stage, 2) as nothing:
        assert nothing is None


def test_process_that_does_not_release_the_job_makes_the_next_one_wait(
    database_engine: Engine, lease_of_job: JobLease, job_id: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "JOB_LOCK_SECONDS", 1)
    with pytest.raises(JobBusy), acquire_job(database_engine, job_id, Stage.OPEN_TAR, 2):
        pass


def test_next_process_begins_when_the_older_one_lost_the_fence(database_engine: Engine, job_id: int):
    begun = threading.Event()

    def next_process() -> None:
        with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 2) as newer:
            assert newer is not None
            begun.set()
            newer.finish_stage()

    thread = threading.Thread(target=next_process)

    def older_process() -> None:
        with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as older:
            assert older is not None
            thread.start()
            while True:
                assert not begun.is_set()
                older.report_progress(1, 10)

    with pytest.raises(FenceLost):
        older_process()
    thread.join(30)
    assert begun.is_set()
    assert jobs.read(database_engine, job_id).record.finished is Stage.OPEN_TAR


def test_stage_waits_when_the_last_holder_did_not_release_the_job(
    database_engine: Engine, job_id: int, monkeypatch: pytest.MonkeyPatch
):
    waits: list[float] = []
    monkeypatch.setattr(lease, "CHECK_SECONDS", 1.0)
    monkeypatch.setattr(lease.time, "sleep", waits.append)
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1):
        pass  # ends without releasing the job, as a killed process does
    assert waits == []
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 2) as second:
        assert waits == [2.0]
        assert second is not None
        second.finish_stage()
    with acquire_job(database_engine, job_id, Stage.LOAD_METADATA, 1):
        assert waits == [2.0]


def test_stage_whose_predecessor_never_finished_is_refused(database_engine: Engine, job_id: int):
    with acquire_job(database_engine, job_id, Stage.VALIDATE_POLICY, 1) as mine:
        assert mine is not None
        with pytest.raises(StageSkipped, match="open tar, load metadata"):
            mine.check_predecessors()


def test_stage_that_runs_again_keeps_later_stages_finished(database_engine: Engine, job_id: int):
    for stage in (Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.OPEN_TAR):
        with acquire_job(database_engine, job_id, stage, 1) as mine:
            assert mine is not None
            mine.finish_stage()
    assert jobs.read(database_engine, job_id).record.finished is Stage.LOAD_METADATA


def test_stage_that_fails_finally_is_no_longer_finished(database_engine: Engine, job_id: int):
    for stage in (Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.VALIDATE_POLICY):
        with acquire_job(database_engine, job_id, stage, 1) as mine:
            assert mine is not None
            mine.finish_stage()
    with acquire_job(database_engine, job_id, Stage.LOAD_METADATA, 2) as mine:
        assert mine is not None
        mine.fail_stage("metadata_invalid", "why", final=True)
    record = jobs.read(database_engine, job_id).record
    assert record.finished is Stage.OPEN_TAR
    assert record.error is not None
    assert record.error.final


def test_progress_is_written_at_most_once_a_second(
    database_engine: Engine, lease_of_job: JobLease, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lease, "CHECK_SECONDS", 1.0)
    commits: list[object] = []
    count = commits.append
    event.listen(database_engine, "commit", count)
    now = iter(range(1000, 2000))
    monkeypatch.setattr(lease.time, "monotonic", lambda: next(now) / 10)
    lease_of_job._checked = 0.0
    for done in range(100):
        lease_of_job.report_progress(done, 100)
    event.remove(database_engine, "commit", count)
    assert 9 <= len(commits) <= 11


def test_lock_is_free_when_the_holder_has_ended(database_engine: Engine, job_id: int):
    for attempt in (1, 2, 3):
        with acquire_job(database_engine, job_id, Stage.OPEN_TAR, attempt) as mine:
            assert mine is not None
            mine.finish_stage()
    with database_engine.connect() as connection:
        # PostgreSQL frees the lock when it notices that the holder's connection is closed, a moment later.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (job_id,))


def test_a_lock_whose_connection_was_closed_ends_without_an_error(database_engine: Engine, job_id: int):
    own = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = :job")
    with locks.hold_job_lock(database_engine, job_id), database_engine.begin() as connection:
        assert connection.scalars(own, {"job": job_id}).all() == [True]


OWN_SESSION = text("SELECT pg_backend_pid(), current_setting('lock_timeout')")
HOLDER = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = :job AND granted")


def own_session(mine: JobLease) -> tuple[int, str]:
    """Return PostgreSQL's process of a transaction of a lease, and its time-out of locks."""
    with mine.transaction() as session:
        pid, lock_timeout = session.execute(OWN_SESSION).one()
    return pid, lock_timeout


def holder_of_lock(engine: Engine, job_id: int) -> int | None:
    with engine.begin() as connection:
        holder: int | None = connection.scalar(HOLDER, {"job": job_id})
        return holder


def test_transactions_use_the_session_that_holds_the_lock(database_engine: Engine, lease_of_job: JobLease, job_id: int):
    # The time-out is that of the lock alone.
    assert own_session(lease_of_job) == (holder_of_lock(database_engine, job_id), "0")


def test_other_threads_have_sessions_of_their_own(database_engine: Engine, lease_of_job: JobLease, job_id: int):
    with ThreadPoolExecutor(1) as thread:
        pid, _ = thread.submit(own_session, lease_of_job).result()
    assert pid != holder_of_lock(database_engine, job_id)


def test_process_whose_lock_was_lost_continues_under_the_fence(
    database_engine: Engine, lease_of_job: JobLease, job_id: int
):
    pid, _ = own_session(lease_of_job)
    with database_engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 30000)"), {"pid": pid})
    assert holder_of_lock(database_engine, job_id) is None
    lease_of_job.update_job(files=3)
    acquire(database_engine, job_id)
    with pytest.raises(FenceLost):
        lease_of_job.update_job(files=4)


def test_error_of_an_earlier_try_is_no_longer_final_when_the_stage_begins_again(database_engine: Engine, job_id: int):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as mine:
        assert mine is not None
        mine.fail_stage("service_unavailable", "unavailable", final=True)
    acquire(database_engine, job_id)
    record = jobs.read(database_engine, job_id).record
    assert record.error is not None
    assert (record.error.text, record.error.final) == ("service_unavailable: unavailable", False)


def test_job_row_names_its_holder(database_engine: Engine, lease_of_job: JobLease, job_id: int):
    with lease_of_job.transaction() as session:
        assert session.get_one(Job, job_id).holder
