"""`INGEST_LOG_FORMAT=json`: each line of the real server's log is one JSON object, whatever is sent and whatever fails."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ingest.system.json_log import JsonFormatter
from tests.api.access.callers import AccessServer, serving
from tests.api.live_server import environment_of
from tests.api.server_command import NO_DATABASE, Run
from tests.api.server_process import ROOT
from tests.api.test_log_forging import requests_with, send
from tests.hostile_texts import ALL_HOSTILE
from tools.waiting import wait_until

FAILURES = """
import logging, sys, threading, warnings
from api.serving.logs import configure_logging
configure_logging()
warnings.warn("a warning\\nin two lines")
def fail():
    raise ValueError("in a thread")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
raise KeyError("at the end")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[AccessServer]:
    folder = tmp_path_factory.mktemp("json")
    with serving(folder, database_url, {"INGEST_LOG_FORMAT": "json"}) as server:
        yield server


def records(text: str) -> list[dict[str, Any]]:
    assert text.isascii()
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_is_an_object_whatever_clients_send(server: AccessServer):
    for request in requests_with(ALL_HOSTILE):
        assert send(server, request).startswith(b"HTTP/1.1 ")
    found = records(server.log_text())
    assert all({"time", "level", "logger", "process", "message"} <= record.keys() for record in found)
    # gunicorn's lines are among them.
    assert any(record["logger"] == "gunicorn.error" and "Listening at" in record["message"] for record in found)


def test_lines_name_the_job_and_the_route(server: AccessServer):
    job = requests.post(f"{server.url}/upload", data=b"x", timeout=30).json()["job_id"]
    requests.get(f"{server.url}/jobs/{job}", timeout=30)

    def of_job() -> dict[str, str]:
        return {each["route"]: each["logger"] for each in records(server.log_text()) if each.get("job") == job}

    expected = {"/upload": "api.receiving.create_job", "/jobs/<job_id>": "api.access.read_log"}
    wait_until(lambda: of_job() == expected, 30, server.log_text)


def test_tracebacks_and_warnings_are_one_line(tmp_path: Path):
    environment = {**environment_of(tmp_path, NO_DATABASE), "INGEST_LOG_FORMAT": "json"}
    ran = subprocess.run(
        [sys.executable, "-c", FAILURES],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    warning, thread, end = records(ran.stderr)
    assert "a warning\nin two lines" in warning["message"]
    assert thread["exception"].endswith("ValueError: in a thread")
    assert end["exception"].splitlines()[-1] == "KeyError: 'at the end'"
    assert end["exception"].startswith("Traceback (most recent call last):\n")


def test_an_invalid_format_is_refused(run: Run):
    ended = run(INGEST_LOG_FORMAT="xml")
    assert ended.status == 2
    assert "INGEST_LOG_FORMAT: 'xml' is not text or json" in ended.errors


def test_characters_that_change_a_terminal_are_escaped():
    record = logging.LogRecord("name", logging.INFO, "", 1, "\x7f\x1b[2J\u202e\u2028\ud800", None, None)
    line = JsonFormatter().format(record)
    assert line.isprintable()
    assert json.loads(line)["message"] == "\x7f\x1b[2J\u202e\u2028\ud800"


def test_the_trace_is_named_where_it_is_known(monkeypatch: pytest.MonkeyPatch):
    record = logging.LogRecord("name", logging.INFO, "", 1, "text", None, None)
    assert "trace_id" not in json.loads(JsonFormatter().format(record))
    monkeypatch.setattr("ingest.system.json_log.current_trace_id", lambda: "0af7651916cd43dd8448eb211c80319c")
    assert json.loads(JsonFormatter().format(record))["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
