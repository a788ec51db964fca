"""Requests that wait for a change of their job share one thread and one query; their number is limited."""

import threading
from collections.abc import Collection, Hashable, Mapping

from api.polling.job_changes import JobChanges, JobSubscription
from ingest.errors.types import DatabaseUnavailable
from tools.waiting import wait_until


class Jobs:
    """Jobs whose fingerprints the test changes."""

    def __init__(self) -> None:
        self.fingerprints: dict[int, Hashable] = {}
        self.reads: list[set[int]] = []
        self.is_available = True

    def read(self, job_ids: Collection[int]) -> Mapping[int, Hashable]:
        self.reads.append(set(job_ids))
        if not self.is_available:
            raise DatabaseUnavailable("gone")
        return {job: self.fingerprints.get(job, "old") for job in job_ids}


def waiting(changes: JobChanges, job: int) -> tuple[JobSubscription, threading.Event]:
    subscription, woken = changes.subscribe(job, "old"), threading.Event()
    assert subscription is not None
    subscription.start(woken.set)
    return subscription, woken


def test_only_the_requests_of_a_changed_job_are_woken() -> None:
    jobs = Jobs()
    changes = JobChanges(jobs.read, interval=0.01)
    _, first = waiting(changes, 1)
    _, second = waiting(changes, 1)
    other, untouched = waiting(changes, 2)
    jobs.fingerprints[1] = "new"
    assert first.wait(30)
    assert second.wait(30)
    assert changes.waiting == 1
    assert not untouched.is_set()
    other.cancel()


def test_all_share_one_query_and_the_thread_ends_with_the_last() -> None:
    jobs = Jobs()
    changes = JobChanges(jobs.read, interval=0.01)
    subscriptions = [waiting(changes, number)[0] for number in range(50)]
    wait_until(lambda: set(range(50)) in jobs.reads, 30, lambda: str(jobs.reads[-1]))
    for subscription in subscriptions:
        subscription.cancel()
    wait_until(lambda: changes._thread is None, 30, lambda: "the thread still runs")
    last, woken = waiting(changes, 7)
    jobs.fingerprints[7] = "new"
    assert woken.wait(30)
    last.cancel()


def test_an_unavailable_database_wakes_nobody_and_ends_nothing() -> None:
    jobs = Jobs()
    jobs.is_available = False
    changes = JobChanges(jobs.read, interval=0.01)
    _, woken = waiting(changes, 1)
    wait_until(lambda: len(jobs.reads) > 2, 30, lambda: "no second read")
    jobs.fingerprints[1] = "new"
    assert not woken.is_set()
    jobs.is_available = True
    assert woken.wait(30)


def test_more_requests_than_the_limit_do_not_wait() -> None:
    changes = JobChanges(Jobs().read, interval=0.01, most=1)
    subscription, _ = waiting(changes, 1)
    assert changes.subscribe(1, "old") is None
    subscription.cancel()
    assert changes.subscribe(1, "old") is not None
