"""Cached obstacles: read in the background, rarely, and not reported when they are old."""

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from api.polling.recent_obstacles import KNOWN_SECONDS, REFRESH_SECONDS, RecentObstacles
from ingest.errors.types import ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import DAGS_PATH, Obstacles
from tests.api.clock import Clock
from tests.orchestrator.airflow_documents import Document, documents, with_dag
from tools.waiting import wait_until


@dataclass
class Airflow(AirflowApi):
    """Airflow that counts its requests."""

    documents: dict[str, Document | None] = field(default_factory=partial(with_dag, "ingest", is_paused=True))
    requests: int = 0
    is_unavailable: bool = False
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def read(self, path: str, seconds: float | None = None, nothing: int = 404) -> Any | None:  # noqa: ARG002
        self.requests += path == DAGS_PATH
        assert self.may_answer.wait(30)
        if self.is_unavailable:
            raise ServiceUnavailable("Airflow", "http://test", "it is unavailable")
        return self.documents[path]


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def obstacles(airflow: Airflow, clock: Clock) -> RecentObstacles:
    return RecentObstacles(airflow, clock)


def wait_until_known(obstacles: RecentObstacles, *, found: bool) -> None:
    wait_until(lambda: bool(obstacles.last_known().sentences) is found, 30, lambda: "the condition never became true")


def test_poll_does_not_wait_for_obstacles(obstacles: RecentObstacles, airflow: Airflow):
    airflow.may_answer.clear()
    assert [obstacles.last_known() for _ in range(200)] == [Obstacles()] * 200
    wait_until(lambda: airflow.requests == 1, 30, lambda: "Airflow is not queried")
    airflow.may_answer.set()
    wait_until_known(obstacles, found=True)
    assert airflow.requests == 1


def test_removed_obstacle_is_no_longer_reported(obstacles: RecentObstacles, airflow: Airflow, clock: Clock):
    wait_until_known(obstacles, found=True)
    airflow.documents = documents()
    clock.now += REFRESH_SECONDS
    wait_until_known(obstacles, found=False)


def test_old_obstacles_are_not_reported_while_airflow_is_unavailable(
    obstacles: RecentObstacles, airflow: Airflow, clock: Clock
):
    wait_until_known(obstacles, found=True)
    airflow.is_unavailable = True
    clock.now += KNOWN_SECONDS
    assert obstacles.last_known() == Obstacles()
    with pytest.raises(ServiceUnavailable):
        obstacles.current()


def test_readiness_shares_the_obstacles_that_polls_have_read(
    obstacles: RecentObstacles, airflow: Airflow, clock: Clock
):
    found = obstacles.current()
    assert found.sentences
    assert obstacles.current() is found
    assert airflow.requests == 1
    clock.now += REFRESH_SECONDS
    airflow.documents = documents()
    assert obstacles.current().sentences == []
