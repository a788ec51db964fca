"""Spare each task work of Airflow that is the same in every task, or not needed.

Called by `airflow_local_settings` in the processes that fork tasks, before the first fork. Decision 31 has the measurements.
The functions replace names inside Airflow that are not part of its interface. If Airflow no longer has a name, nothing is
replaced: tasks then cost more, and `tests/local/test_airflow_task_costs.py` fails.
"""

import contextlib
import functools
import importlib
from typing import Any

COMMS, SUPERVISOR = "airflow.sdk.execution_time.comms", "airflow.sdk.execution_time.supervisor"


def spare_tasks_work() -> None:
    """Load the plugins, keep the decoder of messages, and omit the heartbeat at the start of a task."""
    for spare in (load_plugins, keep_decoder, omit_first_heartbeat):
        with contextlib.suppress(ImportError, AttributeError):
            spare()


def load_plugins() -> None:
    """Search the plugins for listeners, which Airflow keeps: otherwise each task searches the folder of plugins."""
    # The error of a process without a folder of plugins.
    with contextlib.suppress(ValueError):
        importlib.import_module("airflow.sdk.listener").get_listener_manager()


def keep_decoder() -> None:
    """Build the decoder of the messages to tasks once: otherwise each task builds it twice."""
    comms: Any = importlib.import_module(COMMS)
    build, messages = comms.TypeAdapter, comms.ToTask
    decoder = build(messages)

    def build_once(kind: Any) -> Any:  # noqa: ANN401 - types of pydantic, which keeps any type
        return decoder if kind is messages else build(kind)

    comms.TypeAdapter = build_once


def omit_first_heartbeat() -> None:
    """Send the first heartbeat after the interval between heartbeats: the request that starts a task counts as one."""
    supervised = importlib.import_module(SUPERVISOR).ActivitySubprocess
    start = supervised._on_child_started
    if "_last_heartbeat_attempt" not in supervised.__annotations__:
        return

    @functools.wraps(start)
    def start_without_heartbeat(self: Any, **details: Any) -> None:  # noqa: ANN401 - types of Airflow
        start(self, **details)
        self._last_heartbeat_attempt = self._last_successful_heartbeat

    supervised._on_child_started = start_without_heartbeat
