"""What Airflow's scheduler has to do, by a query that costs little. Used by `waiting_for_work`.

Imports no Airflow, so that it can be tested without.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, text

QUERY_INTERVAL_SECONDS = 0.05
# Airflow starts retries, repairs tasks and writes its heartbeat in the loop, so there is at least one in each second.
LONGEST_PAUSE_SECONDS = 1.0
# While one loop cannot do everything: it examines a limited number of runs, and tasks wait for the end of others.
BUSY_PAUSE_SECONDS = 0.1
# Each part reads the few rows of that state by an index of Airflow's.
QUERY = text("""
    SELECT (SELECT coalesce(array_agg(id::text), '{}') FROM task_instance WHERE state IN ('queued', 'running')),
           (SELECT count(*) FROM task_instance WHERE state = 'scheduled'),
           (SELECT count(*) FROM dag_run WHERE state = 'queued'),
           (SELECT count(*) FROM dag_run WHERE state = 'running')
""")


@dataclass(frozen=True)
class Work:
    """The tasks and runs that are in progress in Airflow's database."""

    active_tasks: frozenset[str] = frozenset()
    tasks_without_slot: int = 0
    queued_runs: int = 0
    running_runs: int = 0

    def has_changed_since(self, earlier: "Work") -> bool:
        """Return whether a task has ended, or the number of queued runs is another: tasks may follow."""
        return not earlier.active_tasks <= self.active_tasks or earlier.queued_runs != self.queued_runs

    def longest_pause(self, runs_per_loop: int) -> float:
        """Return after how many seconds the scheduler must run its loop, whatever the query says."""
        is_busy = self.tasks_without_slot > 0 or self.running_runs > runs_per_loop
        return BUSY_PAUSE_SECONDS if is_busy else LONGEST_PAUSE_SECONDS


def query_work(engine: Engine) -> Work:
    """Return the work in Airflow's database."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        active, without_slot, queued, running = connection.execute(QUERY).one()
    return Work(frozenset(active), without_slot, queued, running)


def wait_for_work(query: Callable[[], Work], known: Work, runs_per_loop: int) -> Work:
    """Return the work as soon as it has changed since the query before, first `known`; or when the longest pause is over."""
    begin = time.monotonic()
    while True:
        before, known = known, query()
        if known.has_changed_since(before) or time.monotonic() - begin > known.longest_pause(runs_per_loop):
            return known
        time.sleep(QUERY_INTERVAL_SECONDS)
