"""Which tasks the Celery workers run: queried in rounds, through the broker. Used by `ingest_celery_executor`.

A worker answers from its main process, however busy its tasks are. Imports no Airflow, so that it can be tested without.
"""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

# A busy worker has this long for its answer.
ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 2.0
# So a task is lost 24 to 48 seconds after the death of its worker.
LOST_AFTER_ROUNDS = 3

logger = logging.getLogger(__name__)


class Inspect(Protocol):
    """The queries of `celery.app.control.Inspect` that are used here."""

    def active(self) -> Mapping[str, Any] | None:
        """Return the tasks that each worker runs, by the workers' names; None without an answer."""


class ClaimRounds:
    """Queries the workers in rounds, and counts for each started task the rounds since a worker last claimed it."""

    def __init__(self, inspect: Inspect) -> None:
        self._inspect = inspect
        # The started tasks since the last round.
        self._started: set[str] = set()
        self._unclaimed: dict[str, int] = {}

    def start(self) -> None:
        """Query from now on in a thread, because the scheduler cannot wait for answers."""
        threading.Thread(target=self._run, name="claim-rounds", daemon=True).start()

    def is_lost(self, task: str) -> bool:
        """Return whether no worker has claimed a started task in the last rounds, all of which followed a call of this."""
        self._started.add(task)
        return self._unclaimed.get(task, 0) >= LOST_AFTER_ROUNDS

    def run_round(self) -> None:
        """Query all workers once. Rounds are counted, not seconds, so a scheduler that was suspended loses no task."""
        tasks, self._started = list(self._started), set()
        try:
            # Not `query_task`: a worker forgets a task that Redis delivers again while it runs.
            claimed = _tasks_in(self._inspect.active() if tasks else None)
        except Exception as error:
            # The class depends on the broker. Without it no worker can answer, so all counts restart at zero.
            logger.warning("the workers cannot be queried: %s", error)
            self._unclaimed = {}
            return
        self._unclaimed = {task: 0 if task in claimed else self._unclaimed.get(task, 0) + 1 for task in tasks}

    def _run(self) -> None:
        while True:
            self.run_round()
            time.sleep(PAUSE_SECONDS)


def _tasks_in(answers: Mapping[str, Any] | None) -> set[str]:
    # A worker that could not answer sends an error instead of a list.
    lists = [tasks for tasks in (answers or {}).values() if isinstance(tasks, list)]
    return {task["id"] for tasks in lists for task in tasks}
