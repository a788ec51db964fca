"""config/airflow_task_costs.py: the names inside Airflow that it replaces are there, and their replacements work.

In a process of its own, because the names stay replaced.
"""

import os
import subprocess
import sys
from pathlib import Path

from ingest.local.executor import CLASSES, LOCAL

CONFIG = Path(__file__).parents[2] / "config"
BEGIN = f"""
import inspect, sys, time
sys.path.insert(0, {str(CONFIG)!r})
import airflow_task_costs
from airflow.sdk.execution_time import comms, supervisor
"""
DECODER_IS_KEPT = """
build = comms.TypeAdapter
airflow_task_costs.keep_decoder()
decoders = [comms.CommsDecoder(socket=None) for _ in range(2)]
assert len({id(getattr(each, name)) for each in decoders for name in ("body_decoder", "err_decoder")}) == 1
assert isinstance(decoders[0].body_decoder, build)
message = decoders[0].body_decoder.validate_python({"type": "OKResponse", "ok": True})
assert message == comms.OKResponse(ok=True), message
assert comms.TypeAdapter(int).validate_python("3") == 3
"""
FIRST_HEARTBEAT_IS_LATE = """
supervised = supervisor.ActivitySubprocess
assert list(inspect.signature(supervised._on_child_started).parameters)[:2] == ["self", "ti"]
sent = []

class Client:
    class task_instances:
        heartbeat = staticmethod(lambda id, pid: sent.append(pid))

def started(self, **details):
    assert details == {"ti": 1}
    self._last_successful_heartbeat = time.monotonic()

supervised._on_child_started = started
airflow_task_costs.omit_first_heartbeat()
task = supervised.__new__(supervised)
task._terminal_state, task.client, task.id = None, Client, 1
task._process = type("Process", (), {"pid": 17})
task._last_heartbeat_attempt = 0
task._on_child_started(ti=1)
supervised._send_heartbeat_if_needed(task)
assert sent == []
task._last_heartbeat_attempt -= supervisor.MIN_HEARTBEAT_INTERVAL
supervised._send_heartbeat_if_needed(task)
assert sent == [17]
"""
SCHEDULER = f"""
import sys
sys.argv = ["airflow", "scheduler"]
sys.path.insert(0, {str(CONFIG)!r})
from airflow import settings
settings.initialize()
from airflow.sdk import listener
from airflow.sdk.execution_time import comms, supervisor
assert listener.get_listener_manager.cache_info().currsize == 1
assert comms.TypeAdapter.__module__ == "airflow_task_costs"
assert supervisor.ActivitySubprocess._on_child_started.__wrapped__
# The pages of the plugin are for the api-server only: each fork would copy the tables of their memory.
assert "ingest.airflow_pages" not in sys.modules
assert "psycopg2.extras" in sys.modules
"""


def run(code: str, **variables: str) -> None:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_decoder_of_messages_is_built_once():
    run(BEGIN + DECODER_IS_KEPT)


def test_first_heartbeat_follows_after_the_interval():
    run(BEGIN + FIRST_HEARTBEAT_IS_LATE)


def test_scheduler_does_all_of_it_before_it_forks(tmp_path: Path):
    plugins = CONFIG.parent / "plugins"
    paths = {"PYTHONPATH": os.pathsep.join([str(CONFIG), str(plugins)]), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
    run(SCHEDULER, AIRFLOW_HOME=str(tmp_path), AIRFLOW__CORE__EXECUTOR=CLASSES[LOCAL], **paths)
