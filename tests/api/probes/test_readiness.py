"""`ReadinessCheck`: how often its checks run, and how it reports Airflow."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from api.polling.recent_obstacles import RecentObstacles
from api.probes import readiness
from api.probes.readiness import ReadinessCheck
from ingest.errors.types import ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from tests.api.routes.states import assert_true
from tests.orchestrator.airflow_documents import documents, with_dag
from tools.waiting import wait_until


class ScriptedAirflow(AirflowApi):
    """Airflow that behaves as the test wants, and counts its health checks."""

    def __init__(self, settings: Settings, answer: Callable[[], None]) -> None:
        super().__init__(settings)
        self.answer = answer
        self.checks = 0
        self.documents = documents()

    def check_health(self, seconds: float) -> None:  # noqa: ARG002
        self.checks += 1
        self.answer()

    def read(self, path: str, seconds: float | None = None, nothing: int = 404) -> Any | None:  # noqa: ARG002
        return self.documents[path]


def test_result_is_kept_briefly_for_all_callers(settings: Settings) -> None:
    airflow = ScriptedAirflow(settings, lambda: None)
    check = ReadinessCheck(settings, airflow, RecentObstacles(airflow).current)
    callers = [threading.Thread(target=check.report) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert check.report().ready
    # Twice on a machine so busy that the result expires in between.
    assert airflow.checks <= 2


def test_check_that_hangs_is_not_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "RESULT_LIFETIME_SECONDS", 0.0)
    monkeypatch.setattr(readiness, "TOTAL_TIMEOUT_SECONDS", 0.1)
    continues = threading.Event()
    airflow = ScriptedAirflow(settings, lambda: assert_true(continues.wait(30)))
    check = ReadinessCheck(settings, airflow, RecentObstacles(airflow).current)
    assert not check.report().airflow.ready
    wait_until(lambda: airflow.checks == 1, 30, lambda: "Airflow is not queried")
    assert [check.report().airflow.ready for _ in range(3)] == [False] * 3
    assert airflow.checks == 1
    assert caplog.text.count("readiness of Airflow: no answer yet") == 1
    continues.set()
    monkeypatch.setattr(readiness, "TOTAL_TIMEOUT_SECONDS", 30.0)
    assert check.report().airflow.ready
    assert "readiness of Airflow: available again" in caplog.text


def test_airflow_that_is_available_again_is_reported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "RESULT_LIFETIME_SECONDS", 0.0)

    def is_unavailable() -> None:
        raise ServiceUnavailable("Airflow", "http://test", "it is unavailable")

    airflow = ScriptedAirflow(settings, is_unavailable)
    check = ReadinessCheck(settings, airflow, RecentObstacles(airflow).current)
    assert not check.report().airflow.ready
    airflow.answer = lambda: None
    assert check.report().airflow.model_dump() == {"ready": True, "message": ""}


def test_airflow_that_cannot_run_jobs_is_reported_with_its_reason_and_uploads_are_accepted(settings: Settings) -> None:
    airflow = ScriptedAirflow(settings, lambda: None)
    airflow.documents = with_dag("housekeeping", is_paused=True)
    found = ReadinessCheck(settings, airflow, RecentObstacles(airflow).current).report()
    assert found.ready
    assert not found.airflow.ready
    assert found.airflow.message.startswith("the DAG housekeeping is paused in Airflow; unpause it")
