"""No poll waits for Airflow: the real server with an Airflow that answers late or never.

`python -m pytest -s` shows how long the polls took.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, func, update

from ingest.ledger import job_runs, jobs
from ingest.ledger.database import transaction
from ingest.ledger.models import Job
from ingest.states.stages import Kind
from tests.api.live_server import Server, serving_alone
from tests.job_creation import create_job
from tests.orchestrator.scripted_airflow import tasks
from tools.waiting import wait_until

JOB = 8_170_000
POLLS = 200
DELAY_SECONDS = 1.0
# If each poll waited for one answer of Airflow.
WAITING_SECONDS = POLLS * DELAY_SECONDS


@dataclass
class SlowAirflow:
    """Airflow with one failed run; its answers are late, or never arrive while it hangs."""

    url: str = ""
    requested: list[str] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def document(self, path: str) -> dict[str, Any]:
        """Wait, and return Airflow's answer at a path."""
        self.requested.append(path)
        time.sleep(DELAY_SECONDS)
        assert self.may_answer.wait(60)
        if path == "/auth/token":
            return {"access_token": "a token"}
        if path.endswith("taskInstances/list"):
            return {"task_instances": tasks("failed", run_id=f"job-{JOB}")}
        return {"state": "failed", "conf": {"job_id": JOB}}


@contextmanager
def slow_airflow() -> Iterator[SlowAirflow]:
    airflow = SlowAirflow()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps(airflow.document(self.path)).encode()
            self.send_response(201 if self.path == "/auth/token" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - as http.server calls it

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                # The client did not wait.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        airflow.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield airflow
        finally:
            airflow.may_answer.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def airflow() -> Iterator[SlowAirflow]:
    with slow_airflow() as airflow:
        yield airflow


@pytest.fixture
def server(airflow: SlowAirflow, tmp_path: Path, database_url: str) -> Iterator[Server]:
    with serving_alone(tmp_path, database_url, INGEST_AIRFLOW_URL=airflow.url) as server:
        yield server


@pytest.fixture
def failed_job(database_engine: Engine) -> Iterator[int]:
    """Yield a job whose stage failed for good a minute ago; only Airflow knows whether its run has ended."""
    create_job(database_engine, jobs.Received(JOB, Kind.INGEST, "anonymous", f"{JOB}.tar", 1))
    job_runs.mark_triggered(database_engine, JOB)
    error = {"stage": "open_tar", "code": "tar_unreadable", "text": "no tar", "final": True, "attempt": 1}
    change(database_engine, stage="open_tar", error=error, updated=func.now() - func.make_interval(0, 0, 0, 0, 0, 1))
    yield JOB
    with transaction(database_engine) as session:
        session.delete(session.get_one(Job, JOB))


def change(engine: Engine, **values: object) -> None:
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == JOB).values(**values))


def poll(server: Server, job_id: int) -> dict[str, Any]:
    """Poll on a new connection, so that either process of the API may answer."""
    answer = requests.get(f"{server.url}/get_state?job_id={job_id}", timeout=60)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def polled(server: Server, job_id: int) -> set[str]:
    """Poll in sequence, much faster than if each poll waited for Airflow; return the states that were answered."""
    begun = time.monotonic()
    states = {str(poll(server, job_id)["state"]) for _ in range(POLLS)}
    seconds = time.monotonic() - begun
    print(f"{POLLS} polls took {seconds:.1f} s; each answer of Airflow took {DELAY_SECONDS} s or more")  # noqa: T201
    assert seconds < WAITING_SECONDS / 2
    return states


def test_no_poll_waits_for_an_airflow_that_answers_late(server: Server, airflow: SlowAirflow, failed_job: int):
    airflow.may_answer.set()
    assert polled(server, failed_job) <= {"OK", "FAILED"}
    wait_until(lambda: poll(server, failed_job)["state"] == "FAILED", 60, lambda: "the end of the run is never known")
    assert polled(server, failed_job) == {"FAILED"}


def test_no_poll_waits_for_an_airflow_that_never_answers(server: Server, airflow: SlowAirflow, failed_job: int):
    assert polled(server, failed_job) == {"OK"}
    assert "/auth/token" in airflow.requested
    airflow.may_answer.set()
    wait_until(lambda: poll(server, failed_job)["state"] == "FAILED", 60, lambda: "the end of the run is never known")
