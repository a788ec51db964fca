"""Airflow's LocalExecutor, which also lets the scheduler wait for work.

Loaded by Airflow's scheduler (`[core] executor`) on one machine.
"""

from airflow.executors.local_executor import LocalExecutor
from waiting_for_work import WaitingForWork


class IngestLocalExecutor(WaitingForWork, LocalExecutor):  # type: ignore[misc]
    """LocalExecutor that lets the scheduler wait for work."""
