"""The pause between two loops of Airflow's scheduler, which ends as soon as the scheduler has something to do.

The executors in this folder inherit it, because the scheduler calls its executor once in each loop. The scheduler itself can
only sleep for a fixed time (`scheduler_idle_sleep_time`, here 0): a short one costs processor time, a long one delays every
stage.
Decision 40 (docs/decisions/0040-the-scheduler-waits-for-work.md) has the measurements.
"""

import time

from airflow.configuration import conf
from airflow.executors.base_executor import BaseExecutor
from airflow.settings import get_engine
from scheduler_work import BUSY_PAUSE_SECONDS, Work, query_work, wait_for_work
from sqlalchemy.exc import SQLAlchemyError


class WaitingForWork(BaseExecutor):  # type: ignore[misc]
    """An executor that lets the scheduler wait for work."""

    # As of the query that ended the last pause: what has changed during the loop since then is work, too.
    _known = Work()

    def heartbeat(self) -> None:
        """Start tasks and collect results; return when the scheduler has something to do."""
        super().heartbeat()
        try:
            self._wait_for_work()
        except SQLAlchemyError:
            # The loop meets the same error in its next query, and decides what to do.
            time.sleep(BUSY_PAUSE_SECONDS)

    def _wait_for_work(self) -> None:
        if self.queued_tasks:
            # They wait for results, which only the next heartbeat collects.
            time.sleep(BUSY_PAUSE_SECONDS)
            return
        engine, runs_per_loop = get_engine(), conf.getint("scheduler", "max_dagruns_per_loop_to_schedule")
        self._known = wait_for_work(lambda: query_work(engine), self._known, runs_per_loop)
