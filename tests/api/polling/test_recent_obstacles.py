"""Obstacles are read in the background, seldom, and said no more when they are old."""

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from api.polling.recent_obstacles import KNOWN_SECONDS, REFRESH_SECONDS, RecentObstacles
from ingest.errors.types import ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import DAGS_PATH, Obstacles
from tests.orchestrator.airflow_documents import Document, documents, with_dag
from tools.waiting import wait_until


@dataclass
class Airflow(AirflowApi):
    """Airflow that counts how often it is asked."""

    documents: dict[str, Document | None] = field(default_factory=partial(with_dag, "ingest", is_paused=True))
    asked: int = 0
    is_away: bool = False
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def read(self, path: str, seconds: float | None = None, missing: int = 404) -> Any | None:  # noqa: ARG002
        self.asked += path == DAGS_PATH
        assert self.may_answer.wait(30)
        if self.is_away:
            raise ServiceUnavailable("Airflow", "http://test", "it is away")
        return self.documents[path]


@dataclass
class Clock:
    """The time, as the test says."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def obstacles(airflow: Airflow, clock: Clock) -> RecentObstacles:
    return RecentObstacles(airflow, clock)


def wait_until_known(obstacles: RecentObstacles, *, found: bool) -> None:
    wait_until(lambda: bool(obstacles.last_known().sentences) is found, 30, lambda: "it never happens")


def test_poll_does_not_wait_for_them(obstacles: RecentObstacles, airflow: Airflow):
    airflow.may_answer.clear()
    assert [obstacles.last_known() for _ in range(200)] == [Obstacles()] * 200
    wait_until(lambda: airflow.asked == 1, 30, lambda: "Airflow is not asked")
    airflow.may_answer.set()
    wait_until_known(obstacles, found=True)
    assert airflow.asked == 1


def test_what_was_removed_is_said_no_more(obstacles: RecentObstacles, airflow: Airflow, clock: Clock):
    wait_until_known(obstacles, found=True)
    airflow.documents = documents()
    clock.now += REFRESH_SECONDS
    wait_until_known(obstacles, found=False)


def test_what_is_old_is_not_said_while_airflow_is_away(obstacles: RecentObstacles, airflow: Airflow, clock: Clock):
    wait_until_known(obstacles, found=True)
    airflow.is_away = True
    clock.now += KNOWN_SECONDS
    assert obstacles.last_known() == Obstacles()
    with pytest.raises(ServiceUnavailable):
        obstacles.current()


def test_readiness_shares_what_polls_have_read(obstacles: RecentObstacles, airflow: Airflow, clock: Clock):
    found = obstacles.current()
    assert found.sentences
    assert obstacles.current() is found
    assert airflow.asked == 1
    clock.now += REFRESH_SECONDS
    airflow.documents = documents()
    assert obstacles.current().sentences == []
