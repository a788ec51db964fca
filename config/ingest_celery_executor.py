"""Airflow's CeleryExecutor, which also notices within a minute that a worker died, and lets the scheduler wait for work.

Loaded by Airflow's scheduler (`[core] executor`). A worker that dies reports nothing, and Celery does not watch its workers.
Airflow's own limit, the heartbeat of a task, cannot be short: heartbeats go through the api-server, and while that is
unavailable, every healthy task would look dead. So this executor queries the workers themselves. A started task that no
worker has claimed in several rounds is lost and fails, so that Airflow starts its next try. Decision 36
(docs/decisions/0036-lost-celery-tasks.md) compares the alternatives.
"""

from typing import Any

from airflow.providers.celery.executors.celery_executor import CeleryExecutor
from celery_claims import ANSWER_SECONDS, ClaimRounds
from waiting_for_work import WaitingForWork

STARTED = "STARTED"
LOST = "no worker has this task: its worker died"


class IngestCeleryExecutor(WaitingForWork, CeleryExecutor):  # type: ignore[misc]
    """CeleryExecutor that fails the tasks of dead workers. It requires `[celery] sync_parallelism = 1`: see `start`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - Airflow's signature
        super().__init__(*arguments, **named)
        self._rounds = ClaimRounds(self.celery_app.control.inspect(timeout=ANSWER_SECONDS))

    def start(self) -> None:
        """Begin to query the workers; raises ValueError if the executor would fork beside the thread."""
        if self._sync_parallelism != 1:
            # A fork inherits the locks that the thread holds at that moment, and waits for them forever.
            raise ValueError("set [celery] sync_parallelism to 1")
        super().start()
        self._rounds.start()

    def update_task_state(self, key: Any, state: str, info: Any) -> None:  # noqa: ANN401 - Airflow's signature
        """Update the state of a task from Celery's; fail a started task that no worker has."""
        super().update_task_state(key, state, info)
        # A task that is not started may still wait in the broker, where no worker has it.
        if state == STARTED and self._rounds.is_lost(self.workloads[key].task_id):
            self.fail(key, LOST)
