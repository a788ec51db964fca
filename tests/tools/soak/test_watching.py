"""The watcher finds impossible sequences of states."""

from typing import Any

import pytest

from ingest.states.stages import Kind
from tools.soak.journal import Answered, Cancellation
from tools.soak.watching import STANDSTILL_SECONDS, compare_states
from tools.stack import State

NOW = 1000.0


def state(word: str = "OK", task: str = "ingest files", *, complete: bool = False) -> State:
    return {"state": word, "task": task, "task_percent": "0.0", "exception": "", "complete": complete}


RUNNING = state()
COMPLETE = state(task="ingest metadata", complete=True)
FAILED = state("FAILED", complete=True)
CANCELED = {**FAILED, "exception": "canceled: by an admin"}


def look(*states: State, seconds: float = 1.0, **properties: Any) -> str | None:
    """Return the violation of the last of several states."""
    job = Answered(1, 1, Kind.INGEST, **{"good": True, **properties})
    faults = [compare_states(job, each, NOW + number * seconds) for number, each in enumerate(states)]
    assert not any(faults[:-1])
    return faults[-1]


@pytest.mark.parametrize(
    ("states", "good"),
    [((RUNNING, RUNNING, COMPLETE, COMPLETE), True), ((RUNNING, FAILED, FAILED), False)],
)
def test_job_that_ends_as_it_must_is_no_fault(states: tuple[State, ...], good: bool):
    assert look(*states, good=good) is None


@pytest.mark.parametrize(
    ("states", "good", "expected"),
    [
        ((RUNNING, COMPLETE, RUNNING), True, "as ended, and then"),
        ((RUNNING, COMPLETE, FAILED), True, "as complete, and then"),
        ((RUNNING, FAILED), True, "a good job"),
        ((RUNNING, COMPLETE), False, "a bad job"),
        ((FAILED, RUNNING), False, "as ended, and then"),
    ],
)
def test_state_that_must_never_be_shown_is_found(states: tuple[State, ...], good: bool, expected: str):
    assert expected in str(look(*states, good=good))


@pytest.mark.parametrize("states", [(RUNNING, FAILED), (RUNNING, FAILED, RUNNING)])
def test_job_that_a_person_touched_may_have_failed_for_a_while(states: tuple[State, ...]):
    job = Answered(1, 1, Kind.INGEST, good=True, touched=True)
    assert not any(compare_states(job, each, NOW) for each in states)


def test_complete_job_that_a_person_touched_must_stay_complete():
    job = Answered(1, 1, Kind.INGEST, good=True, touched=True)
    compare_states(job, COMPLETE, NOW)
    assert "as complete, and then" in str(compare_states(job, FAILED, NOW))


def test_job_without_progress_is_found():
    assert look(RUNNING, RUNNING, seconds=STANDSTILL_SECONDS) is None
    assert "without a change" in str(look(RUNNING, RUNNING, seconds=STANDSTILL_SECONDS + 1))
    assert look(COMPLETE, COMPLETE, seconds=STANDSTILL_SECONDS + 1) is None


@pytest.mark.parametrize("cancellation", [Cancellation.REQUESTED, Cancellation.DONE])
def test_canceled_job_is_shown_as_failed(cancellation: Cancellation):
    assert look(RUNNING, CANCELED, CANCELED, cancellation=cancellation) is None


@pytest.mark.parametrize(
    ("states", "cancellation", "expected"),
    [
        ((RUNNING, CANCELED), Cancellation.NONE, "nobody did"),
        ((CANCELED, RUNNING), Cancellation.REQUESTED, "was canceled, and is shown as OK"),
        ((CANCELED, FAILED), Cancellation.REQUESTED, "was canceled, and is shown as FAILED"),
        ((COMPLETE, CANCELED), Cancellation.REQUESTED, "as complete, and then"),
    ],
)
@pytest.mark.parametrize("touched", [False, True])
def test_canceled_state_is_final(states: tuple[State, ...], cancellation: Cancellation, expected: str, touched: bool):
    assert expected in str(look(*states, cancellation=cancellation, touched=touched))


@pytest.mark.parametrize("shown", [RUNNING, COMPLETE, FAILED])
def test_job_is_canceled_as_soon_as_its_cancellation_is_answered(shown: State):
    job = Answered(1, 1, Kind.INGEST, good=True, cancellation=Cancellation.DONE)
    assert compare_states(job, CANCELED, NOW, canceled=True) is None
    assert "was canceled, and is shown as" in str(compare_states(job, shown, NOW, canceled=True))
