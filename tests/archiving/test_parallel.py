"""Parallel calls return all results in order, or raise the first error once no call is running."""

import threading

import pytest

from ingest.archiving.parallel import parallel_map

WAIT_SECONDS = 30


class Failure(BaseException):
    """An error that no code catches."""


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_results_are_in_the_order_of_the_items(workers: int):
    assert parallel_map(lambda number: number * number, range(100), workers) == [
        number * number for number in range(100)
    ]


@pytest.mark.parametrize("workers", [1, 4])
def test_no_items_mean_no_calls(workers: int):
    assert parallel_map(lambda number: number, [], workers) == []


def test_as_many_calls_run_as_there_are_workers():
    meeting = threading.Barrier(3)
    running: list[int] = []
    most: list[int] = []

    def meet(number: int) -> None:
        running.append(number)
        most.append(len(running))
        meeting.wait(WAIT_SECONDS)
        running.remove(number)
        meeting.wait(WAIT_SECONDS)

    parallel_map(meet, range(6), 3)
    assert max(most) == 3


@pytest.mark.parametrize("workers", [1, 4])
def test_no_call_starts_after_an_error(workers: int):
    begun: list[int] = []
    ended = threading.Event()

    def fail(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise Failure
        assert ended.wait(WAIT_SECONDS)

    with pytest.raises(Failure):
        parallel_map(fail, range(100), workers, ended.set)
    assert len(begun) <= workers + 1


def test_running_calls_have_ended_when_the_error_is_raised():
    notified, begun = threading.Event(), threading.Barrier(2)
    ended: list[int] = []

    def fail(number: int) -> None:
        begun.wait(WAIT_SECONDS)
        if number == 0:
            raise Failure
        assert notified.wait(WAIT_SECONDS)
        ended.append(number)

    with pytest.raises(Failure):
        parallel_map(fail, range(2), 2, notified.set)
    assert ended == [1]
