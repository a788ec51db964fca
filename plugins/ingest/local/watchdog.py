"""Restart programs that hang: a scheduler or dag-processor without a heartbeat, an unresponsive api-server.

Called by the launcher while the stack runs. Programs that end are restarted by supervisord, and hanging workers of the
API by gunicorn.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import requests

from ingest.local import program
from ingest.local.airflow_client import AirflowClient
from ingest.local.reporting import say
from ingest.local.supervision import Supervisor

# Long enough for a busy machine. Airflow itself considers a heartbeat healthy for 30 s.
UNRESPONSIVE_TIMEOUT_SECONDS = 90.0
CHECK_INTERVAL_SECONDS = 5.0
HEARTBEATS = {program.SCHEDULER: "scheduler", program.DAG_PROCESSOR: "dag_processor"}
HEALTHY = "healthy"


@dataclass(frozen=True)
class SignOfLife:
    """The last sign of life of a process."""

    process: int
    at: float


class Watchdog:
    """Records the last sign of life of each program; a program without one has just been started."""

    def __init__(self, supervisor: Supervisor, airflow: AirflowClient) -> None:
        self._supervisor = supervisor
        self._airflow = airflow
        self._checked = time.monotonic()
        self._signs: dict[str, SignOfLife] = {}

    def check(self) -> None:
        """Check for signs of life every few seconds, and restart programs that have given none for too long."""
        if time.monotonic() - self._checked < CHECK_INTERVAL_SECONDS:
            return
        alive = self._alive()
        self._checked = time.monotonic()
        self._signs.update({name: SignOfLife(self._supervisor.process(name), self._checked) for name in alive})
        for name, sign in self._signs.items():
            seconds = self._checked - sign.at
            if seconds > UNRESPONSIVE_TIMEOUT_SECONDS and self._supervisor.process(name) == sign.process:
                say(f"{name} has been unresponsive for {seconds:.0f} s and is restarted.")
                self._supervisor.restart(name)

    def _alive(self) -> Iterable[str]:
        """Return the programs that are alive; without the api-server the heartbeats of the others are unknown."""
        try:
            health = self._airflow.get("monitor/health")
        except requests.RequestException:
            return HEARTBEATS.keys() & self._signs.keys()
        if health["metadatabase"]["status"] != HEALTHY:
            # Heartbeats are recorded in that database.
            return self._signs
        return [program.API_SERVER, *(name for name, key in HEARTBEATS.items() if health[key]["status"] == HEALTHY)]
