"""Clients that poll at the same time are answered by one query, which begins after each of them has come."""

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from api.polling import batched_reads
from api.polling.batched_reads import BatchedReads
from ingest.errors.types import DatabaseUnavailable, UnknownJob
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.states import Kind
from tests.received import create_job
from tools.waiting import wait_until

JOBS = range(880_001, 880_004)
UNKNOWN = 880_999


class Held:
    """Stands in the way of queries: each begins when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.may_ask = threading.Semaphore(0)
        self._read = jobs.read_several

    def __call__(self, engine: Engine, job_ids: Collection[int]) -> dict[int, JobSnapshot]:
        self.asked.append(set(job_ids))
        assert self.may_ask.acquire(timeout=30)
        return self._read(engine, job_ids)


@pytest.fixture(scope="module")
def known(database_engine: Engine) -> Engine:
    for job_id in JOBS:
        create_job(database_engine, Received(job_id, Kind.INGEST, "anonymous", f"{job_id}.tar", 1))
    return database_engine


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(jobs, "read_several", held)
    return held


def test_one_job_is_read(known: Engine):
    assert BatchedReads(known).read(JOBS[0]) == jobs.read(known, JOBS[0])


@pytest.mark.parametrize("job_id", [UNKNOWN, -1, 2**63])
def test_job_that_is_not_there_is_unknown(known: Engine, job_id: int):
    with pytest.raises(UnknownJob):
        BatchedReads(known).read(job_id)


def test_all_that_come_while_the_database_is_asked_are_answered_by_the_next_query(known: Engine, held: Held):
    reads = BatchedReads(known)
    with ThreadPoolExecutor(len(JOBS)) as pool:
        first = pool.submit(reads.read, JOBS[0])
        wait_until(lambda: len(held.asked) == 1, 30, lambda: "nobody asks")
        later = [pool.submit(reads.read, job_id) for job_id in JOBS[1:]]
        wait_until(lambda: reads.waiting == set(JOBS[1:]), 30, lambda: "not all wait")
        held.may_ask.release(2)
        answers = [each.result(30).received.job_id for each in (first, *later)]
    assert answers == list(JOBS)
    assert held.asked == [{JOBS[0]}, set(JOBS[1:])]


def test_nobody_waits_long_for_a_database_that_is_silent(known: Engine, held: Held, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batched_reads, "QUERY_TIMEOUT_SECONDS", 0.1)
    reads = BatchedReads(known)
    with ThreadPoolExecutor(len(JOBS)) as pool:
        first = pool.submit(reads.read, JOBS[0])
        wait_until(lambda: len(held.asked) == 1, 30, lambda: "nobody asks")
        # The one that asks next, and one that waits for it.
        for later in [pool.submit(reads.read, job_id) for job_id in JOBS[1:]]:
            with pytest.raises(DatabaseUnavailable, match="did not respond"):
                later.result(30)
        held.may_ask.release(2)
        assert first.result(30).received.job_id == JOBS[0]
    assert reads.read(JOBS[1]).received.job_id == JOBS[1]


def test_all_who_wait_are_told_that_the_database_is_away(known: Engine, monkeypatch: pytest.MonkeyPatch):
    def fail(engine: Engine, job_ids: Collection[int]) -> dict[int, JobSnapshot]:
        raise DatabaseUnavailable("it went away")

    reads = BatchedReads(known)
    monkeypatch.setattr(jobs, "read_several", fail)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="it went away"):
            reads.read(JOBS[0])
    monkeypatch.undo()
    assert reads.read(JOBS[0]).received.job_id == JOBS[0]
