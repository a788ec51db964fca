"""Airflow for tests of the state: it answers as the test wants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.polling.recent_runs import REQUEST_TIMEOUT_SECONDS
from ingest.errors.types import ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.states.airflow import Run
from tests.orchestrator.airflow_documents import Document, documents


@dataclass
class ScriptedAirflow(AirflowApi):
    """Airflow that answers as the test wants, and records its requests."""

    answer: Run | None = None
    answers: list[Run] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None
    requested: list[dict[str, str]] = field(default_factory=list)
    documents: dict[str, Document | None] = field(default_factory=documents)

    def read(self, path: str, seconds: float | None = None, nothing: int = 404) -> Any | None:  # noqa: ARG002
        return self.documents[path]

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        assert seconds == REQUEST_TIMEOUT_SECONDS
        self.requested.append(dict(dags))
        self.before_answer()
        if self.answer is None:
            raise ServiceUnavailable("Airflow", "http://test", "it is unavailable")
        return dict.fromkeys(dags, self.answers.pop(0) if self.answers else self.answer)
