"""The lines of a task's log, as Airflow writes them: with the fields of the job if the log format is JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
# Writes a line and a traceback within a task, by Airflow's own configuration of a task's log.
PROGRAM = """
import logging, sys
from airflow.sdk._shared.logging.structlog import configure_logging
from structlog.contextvars import bound_contextvars
from ingest.states.stages import Stage
from stage_tasks import _log_fields
configure_logging(json_output=True, output=open(sys.argv[1], "wb", buffering=0))
conf = {"job_id": 17, "airflow/dagrun_parent_trace_context": sys.argv[2]}
with bound_contextvars(**_log_fields(Stage.OPEN_TAR, 2, conf)):
    logging.getLogger("ingest.test").warning("a line\\nand another")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("ingest.test").exception("failed")
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
FIELDS = ("job", "stage", "attempt", "trace_id")


def lines_of(folder: Path, traceparent: str, **settings: str) -> list[dict[str, Any]]:
    """Return the fields of the lines that the program writes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "INGEST"))}
    path = os.pathsep.join([str(PROJECT / "dags"), str(PROJECT / "plugins")])
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "log"), traceparent],
        env={**environment, **settings, "AIRFLOW_HOME": str(folder), "PYTHONPATH": path},
        capture_output=True,
        timeout=120,
        check=True,
    )
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    own = [line for line in lines if line["logger"] == "ingest.test"]
    assert [line["event"] for line in own] == ["a line\nand another", "failed"]
    return [{name: line[name] for name in FIELDS if name in line} for line in own]


@pytest.mark.parametrize(
    ("traceparent", "more"), [(f"00-{TRACE}-b7ad6b7169203331-01", {"trace_id": TRACE}), ("nonsense", {})]
)
def test_lines_have_the_fields_of_the_job(tmp_path: Path, traceparent: str, more: dict[str, str]) -> None:
    fields = {"job": 17, "stage": "open_tar", "attempt": 2, **more}
    assert lines_of(tmp_path, traceparent, INGEST_LOG_FORMAT="json") == [fields, fields]


def test_lines_have_no_more_fields_by_default(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "") == [{}, {}]
