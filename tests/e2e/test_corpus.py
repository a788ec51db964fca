"""The corpus, posted to the real stack: each case ends with the same code as in a process of the tests.

Only every fourth of the small cases; `tests/corpus` runs all of them.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from ingest.errors.types import FOR_UPLOADER
from ingest.states.stages import Kind
from tests.corpus.case import Refused
from tests.corpus.cases import CASES
from tools.stack import Stack, State
from tools.stack_contents import stored_names

LARGEST = 100_000
EVERY = 4
SIMULTANEOUS = 8
# All run simultaneously, and the machine may be busy.
SECONDS = 300


@dataclass(frozen=True)
class Ended:
    """A case that was posted, its job and the job's last state."""

    case: Refused
    job: int
    state: State


def small_cases() -> Iterator[Refused]:
    """Yield the cases with the usual time limit: the others are large or slow to build."""
    for case in CASES[::EVERY]:
        if isinstance(case, Refused) and case.kind is Kind.INGEST and case.seconds == Refused.seconds:
            yield case


@pytest.fixture(scope="module")
def posted(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Ended]]:
    """Post the cases simultaneously; at the end the archive must be unchanged."""
    before = stored_names(stack.home)
    bodies = {}
    path = tmp_path_factory.mktemp("corpus") / "upload"
    for case in small_cases():
        case.build(path)
        if path.stat().st_size <= LARGEST:
            bodies[case.name] = (case, path.read_bytes())
    with ThreadPoolExecutor(SIMULTANEOUS) as pool:
        jobs = pool.map(lambda name: stack.post(bodies[name][1]), bodies)
        yield [
            Ended(bodies[name][0], job, stack.wait_for_end(job, SECONDS))
            for name, job in zip(bodies, jobs, strict=True)
        ]
    assert stored_names(stack.home) == before


def test_each_case_ends_at_its_stage_with_its_codes(posted: list[Ended]):
    assert len(posted) > 40
    for ended in posted:
        case, state, name = ended.case, ended.state, ended.case.name
        assert (state["state"], state["task"]) == ("FAILED", case.stage.label), (name, state)
        assert state["exception"].startswith(f"{case.error.code}: {FOR_UPLOADER}: "), (name, state)
        assert all(f"[{fault}]" in state["exception"] for fault in case.faults), (name, state)


def test_airflow_fails_the_task_without_a_retry(stack: Stack, posted: list[Ended]):
    for ended in posted:
        tasks = stack.request_airflow("GET", f"/dags/ingest/dagRuns/job-{ended.job}/taskInstances")["task_instances"]
        failed = [(task["task_id"], task["try_number"]) for task in tasks if task["state"] == "failed"]
        assert failed == [(ended.case.stage, 1)], ended.case.name


def test_operator_sees_in_airflow_that_the_uploader_must_fix_it(stack: Stack, posted: list[Ended]):
    for ended in posted[:3]:
        place = f"/dags/ingest/dagRuns/job-{ended.job}/taskInstances/{ended.case.stage}/logs/1"
        log = str(stack.request_airflow("GET", place))
        assert f"{FOR_UPLOADER}: {ended.case.error.code}" in log, ended.case.name
