"""Airflow that counts its requests, and jobs for it. Used by the tests of cached runs."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from api.polling import recent_runs
from api.polling.recent_runs import RecentRuns
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.orchestrator.client import AirflowApi
from ingest.states.airflow import Run
from ingest.states.job_record import JobRecord, StageError
from ingest.states.stages import Kind, Stage
from ingest.states.waiting import Cause, Waiting
from tools.waiting import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING, SUCCESS, FAILED_RUN = Run("running"), Run("success"), Run("failed")
FAILED = StageError(Stage.OPEN_TAR, "not_a_tar: the bundle is no tar", final=True)
# A job that waits for its next attempt.
WAITING: dict[str, Any] = {
    "error": replace(FAILED, final=False),
    "waiting": Waiting.begin(Cause("archive", "http://archive", "service_unavailable", "refused"), NOW),
}
UNAVAILABLE = ServiceUnavailable("Airflow", "http://test", "it is unavailable")


@dataclass
class CountingAirflow(AirflowApi):
    """Airflow that counts its requests."""

    answers: list[Run | Exception] = field(default_factory=lambda: [RUNNING])
    requested: list[dict[str, str]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        assert seconds == recent_runs.REQUEST_TIMEOUT_SECONDS
        self.requested.append(dict(dags))
        assert self.may_answer.wait(30)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return dict.fromkeys(dags, answer)

    def was_requested(self, times: int) -> bool:
        return len(self.requested) == times

    def unavailable(self, reason: str) -> ServiceUnavailable:
        return ServiceUnavailable("Airflow", "http://test", reason)


def job(job_id: int = 7, run_changes: int = 0, **record: object) -> JobSnapshot:
    received = Received(job_id, Kind.INGEST, "anonymous", f"{job_id}.tar", 1)
    known = replace(JobRecord(Kind.INGEST), **record)  # type: ignore[arg-type]
    return JobSnapshot(received, known, NOW, NOW, NOW, NOW, run_changes)


def wait_for(holds: Callable[[], bool]) -> None:
    wait_until(holds, 30, lambda: "the condition never became true")


def wait_for_run(runs: RecentRuns, snapshot: JobSnapshot, state: str) -> None:
    wait_for(lambda: (run := runs.run(snapshot)) is not None and run.state == state)


def is_unavailable(runs: RecentRuns, snapshot: JobSnapshot) -> bool:
    try:
        runs.run(snapshot)
    except ServiceUnavailable as error:
        return str(error) == str(UNAVAILABLE)
    return False
