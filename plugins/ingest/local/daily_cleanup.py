"""Cleans Airflow's tables once a day while the stack runs. Called by the launcher."""

import time

from ingest.local import program
from ingest.local.supervision import Supervisor

# Not at the start, when all other programs need the processor.
FIRST_SECONDS = 600.0
INTERVAL_SECONDS = 86_400.0


class DailyCleanup:
    """Starts the program that cleans Airflow's tables; its output is in a log of its own."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._due = time.monotonic() + FIRST_SECONDS

    def check(self) -> None:
        """Start the program if it is due, unless it still runs."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + INTERVAL_SECONDS
        if not self._supervisor.process(program.AIRFLOW_CLEANUP):
            self._supervisor.start(program.AIRFLOW_CLEANUP)
