"""Restarts what runs and does nothing: a scheduler or dag-processor without a heartbeat, an api-server without an answer.

Called by the launcher as long as it stays. A program that ends needs nobody here, supervisord starts it again; neither
does a worker of the API that hangs, gunicorn ends it.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import requests

from ingest.local import program
from ingest.local.airflow_client import AirflowClient
from ingest.local.reporting import say
from ingest.local.supervision import Supervisor

# Long enough for a machine that is merely busy. Airflow itself calls a heartbeat healthy for 30 s.
PATIENCE_SECONDS = 90.0
PAUSE_SECONDS = 5.0
HEARTBEATS = {program.SCHEDULER: "scheduler", program.DAG_PROCESSOR: "dag_processor"}
HEALTHY = "healthy"


@dataclass(frozen=True)
class Sign:
    """A sign of life: of which process, and when."""

    process: int
    at: float


class Watchdog:
    """Remembers when each program last gave a sign of life; one that has just been started owes none yet."""

    def __init__(self, supervisor: Supervisor, airflow: AirflowClient) -> None:
        self._supervisor = supervisor
        self._airflow = airflow
        self._looked = time.monotonic()
        self._signs: dict[str, Sign] = {}

    def look(self) -> None:
        """Look for signs of life, every few seconds, and restart what has given none for too long."""
        if time.monotonic() - self._looked < PAUSE_SECONDS:
            return
        alive = self._alive()
        self._looked = time.monotonic()
        self._signs.update({name: Sign(self._supervisor.process(name), self._looked) for name in alive})
        for name, sign in self._signs.items():
            silent = self._looked - sign.at
            if silent > PATIENCE_SECONDS and self._supervisor.process(name) == sign.process:
                say(f"{name} has given no sign of life for {silent:.0f} s and is started anew.")
                self._supervisor.restart(name)

    def _alive(self) -> Iterable[str]:
        """The programs that live, as far as can be known: without the api-server nobody's heartbeat is."""
        try:
            health = self._airflow.get("monitor/health")
        except requests.RequestException:
            return HEARTBEATS.keys() & self._signs.keys()
        if health["metadatabase"]["status"] != HEALTHY:
            # Heartbeats are kept there.
            return self._signs
        return [program.API_SERVER, *(name for name, key in HEARTBEATS.items() if health[key]["status"] == HEALTHY)]
