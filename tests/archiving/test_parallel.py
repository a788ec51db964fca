"""Several calls at once: all results in order, or the first error when nothing is under way any more."""

import threading

import pytest

from ingest.archiving.parallel import parallel_map

WAIT_SECONDS = 30


class Failure(BaseException):
    """As an error that nobody catches."""


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_results_come_in_the_order_of_the_items(workers: int):
    assert parallel_map(lambda number: number * number, range(100), workers) == [
        number * number for number in range(100)
    ]


@pytest.mark.parametrize("workers", [1, 4])
def test_no_items_are_no_calls(workers: int):
    assert parallel_map(lambda number: number, [], workers) == []


def test_as_many_calls_as_allowed_are_under_way_and_no_more():
    meeting = threading.Barrier(3)
    under_way: list[int] = []
    most: list[int] = []

    def meet(number: int) -> None:
        under_way.append(number)
        most.append(len(under_way))
        meeting.wait(WAIT_SECONDS)
        under_way.remove(number)
        meeting.wait(WAIT_SECONDS)

    parallel_map(meet, range(6), 3)
    assert max(most) == 3


@pytest.mark.parametrize("workers", [1, 4])
def test_error_is_raised_and_no_call_begins_after_it(workers: int):
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


def test_calls_under_way_have_ended_when_the_error_is_raised():
    told, begun = threading.Event(), threading.Barrier(2)
    ended: list[int] = []

    def fail(number: int) -> None:
        begun.wait(WAIT_SECONDS)
        if number == 0:
            raise Failure
        assert told.wait(WAIT_SECONDS)
        ended.append(number)

    with pytest.raises(Failure):
        parallel_map(fail, range(2), 2, told.set)
    assert ended == [1]
