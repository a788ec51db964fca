"""Concurrent polls share one query, which begins after each of them has arrived."""

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from api.polling import batched_reads
from api.polling.batched_reads import MAX_JOBS, BatchedReads
from ingest.errors.types import DatabaseUnavailable, UnknownJob
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.states.stages import Kind
from tests.job_creation import create_job
from tools.waiting import wait_until

JOBS = range(880_001, 880_004)
UNKNOWN = 880_999


class HeldQueries:
    """Replaces `jobs.read_several`; each query begins when the test releases it."""

    def __init__(self) -> None:
        self.queries: list[set[int]] = []
        self.may_query = threading.Semaphore(0)
        self._read = jobs.read_several

    def __call__(self, engine: Engine, job_ids: Collection[int]) -> dict[int, JobSnapshot]:
        self.queries.append(set(job_ids))
        assert self.may_query.acquire(timeout=30)
        return self._read(engine, job_ids)


@pytest.fixture(scope="module")
def engine_with_jobs(database_engine: Engine) -> Engine:
    for job_id in JOBS:
        create_job(database_engine, Received(job_id, Kind.INGEST, "anonymous", f"{job_id}.tar", 1))
    return database_engine


@pytest.fixture
def held_queries(monkeypatch: pytest.MonkeyPatch) -> HeldQueries:
    held_queries = HeldQueries()
    monkeypatch.setattr(jobs, "read_several", held_queries)
    return held_queries


def test_one_job_is_read(engine_with_jobs: Engine):
    assert BatchedReads(engine_with_jobs).read(JOBS[0]) == jobs.read(engine_with_jobs, JOBS[0])


@pytest.mark.parametrize("job_id", [UNKNOWN, -1, 2**63])
def test_job_that_does_not_exist_is_unknown(engine_with_jobs: Engine, job_id: int):
    with pytest.raises(UnknownJob):
        BatchedReads(engine_with_jobs).read(job_id)


def test_requests_that_arrive_during_a_query_share_the_next_one(engine_with_jobs: Engine, held_queries: HeldQueries):
    reads = BatchedReads(engine_with_jobs)
    with ThreadPoolExecutor(len(JOBS)) as pool:
        first = pool.submit(reads.read, JOBS[0])
        wait_until(lambda: len(held_queries.queries) == 1, 30, lambda: "no query begins")
        later = [pool.submit(reads.read, job_id) for job_id in JOBS[1:]]
        wait_until(lambda: reads.waiting == set(JOBS[1:]), 30, lambda: "not all wait")
        held_queries.may_query.release(2)
        answers = [each.result(30).received.job_id for each in (first, *later)]
    assert answers == list(JOBS)
    assert held_queries.queries == [{JOBS[0]}, set(JOBS[1:])]


def test_a_request_that_has_joined_reads_with_the_first_query_after_it(
    engine_with_jobs: Engine, held_queries: HeldQueries
):
    held_queries.may_query.release(2)
    reads = BatchedReads(engine_with_jobs)
    joined = [(job_id, reads.join(job_id)) for job_id in JOBS[1:]]
    assert reads.waiting == set(JOBS[1:])
    assert not held_queries.queries
    for job_id in (JOBS[0], *JOBS[1:]):
        assert reads.read(job_id, dict(joined).get(job_id)).received.job_id == job_id
    assert held_queries.queries == [set(JOBS)]
    # What joins afterwards is read by a later query.
    assert reads.join(JOBS[0]) not in dict(joined).values()


def test_requests_that_join_and_never_read_do_not_make_a_query_longer_and_longer(engine_with_jobs: Engine):
    reads = BatchedReads(engine_with_jobs)
    first = reads.join(JOBS[0])
    for job_id in range(MAX_JOBS):
        reads.join(job_id)
    assert len(first.job_ids) == MAX_JOBS
    assert len(reads.waiting) == 1
    assert reads.read(JOBS[0], first).received.job_id == JOBS[0]


def test_a_single_client_does_not_wait_for_others_to_join(engine_with_jobs: Engine):
    reads = BatchedReads(engine_with_jobs)
    for _ in range(3):
        assert reads._pause() == 0.0
        reads.read(JOBS[0])


def test_queries_for_several_clients_begin_a_while_after_each_other(
    engine_with_jobs: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batched_reads, "INTERVAL_SECONDS", 60.0)
    reads = BatchedReads(engine_with_jobs)
    reads.join(JOBS[0])
    reads.read(JOBS[1])
    assert 0 < reads._pause() <= 60.0


def test_reads_time_out_while_the_database_is_unresponsive(
    engine_with_jobs: Engine, held_queries: HeldQueries, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batched_reads, "QUERY_TIMEOUT_SECONDS", 0.1)
    reads = BatchedReads(engine_with_jobs)
    with ThreadPoolExecutor(len(JOBS)) as pool:
        first = pool.submit(reads.read, JOBS[0])
        wait_until(lambda: len(held_queries.queries) == 1, 30, lambda: "no query begins")
        # The request that runs the next query, and one that shares it.
        for later in [pool.submit(reads.read, job_id) for job_id in JOBS[1:]]:
            with pytest.raises(DatabaseUnavailable, match="did not respond"):
                later.result(30)
        held_queries.may_query.release(2)
        assert first.result(30).received.job_id == JOBS[0]
    assert reads.read(JOBS[1]).received.job_id == JOBS[1]


def test_all_waiting_requests_fail_when_the_database_is_unavailable(
    engine_with_jobs: Engine, monkeypatch: pytest.MonkeyPatch
):
    def fail(engine: Engine, job_ids: Collection[int]) -> dict[int, JobSnapshot]:
        raise DatabaseUnavailable("it is unavailable")

    reads = BatchedReads(engine_with_jobs)
    monkeypatch.setattr(jobs, "read_several", fail)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="it is unavailable"):
            reads.read(JOBS[0])
    monkeypatch.undo()
    assert reads.read(JOBS[0]).received.job_id == JOBS[0]
