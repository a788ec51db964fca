"""The whole stack on one machine, started as `make run` starts it, and driven over HTTP as users drive it."""

import fcntl
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine

from ingest.ledger.database import make_engine
from ingest.settings.loading import load_settings
from tools.waiting import wait_until

START_SECONDS = 180
STOP_SECONDS = 60
JOB_SECONDS = 300
TIMEOUT_SECONDS = 30
STARTING = Path(tempfile.gettempdir()) / f"pacifica-ingest-tests-{os.getuid()}.lock"
State = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    home: Path
    api: str
    airflow: str
    environment: dict[str, str]

    def send(
        self, body: bytes, path: str = "/ingest", content_type: str = "application/octet-stream"
    ) -> requests.Response:
        """Post a body; return the answer."""
        headers = {"Content-Type": content_type}
        return requests.post(self.api + path, data=body, headers=headers, timeout=TIMEOUT_SECONDS)

    def post(self, body: bytes, path: str = "/ingest", content_type: str = "application/octet-stream") -> int:
        """Post a body that is accepted; return the job id."""
        answer = self.send(body, path, content_type)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["job_id"])

    def state(self, job_id: int) -> State:
        """Return the state JSON of a job."""
        answer = requests.get(f"{self.api}/get_state", params={"job_id": job_id}, timeout=TIMEOUT_SECONDS)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait(self, job_id: int, until: Callable[[State], bool], seconds: float = JOB_SECONDS) -> State:
        """Wait until a job's state is as wanted."""
        state: State = {}

        def reached() -> bool:
            nonlocal state
            state = self.state(job_id)
            return until(state)

        wait_until(reached, seconds, lambda: f"job {job_id} stays at {state}")
        return state

    def wait_for_end(self, job_id: int, seconds: float = JOB_SECONDS) -> State:
        """Wait until a job has ended, complete or failed; return its state."""
        return self.wait(job_id, lambda state: bool(state["complete"]), seconds)

    def request_airflow(self, method: str, path: str, body: Any = None, user: str = "admin") -> Any:
        """Call Airflow's REST API as an admin; return the JSON of a successful answer."""
        answer = self.call_airflow(method, path, body, user)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def call_airflow(self, method: str, path: str, body: Any, user: str) -> requests.Response:
        """Call Airflow's REST API with an account; return the answer, also an error."""
        token = requests.post(
            f"{self.airflow}/auth/token",
            json={"username": user, "password": self.password(user)},
            timeout=TIMEOUT_SECONDS,
        ).json()["access_token"]
        return requests.request(
            method,
            f"{self.airflow}/api/v2{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
        )

    def clear(self, job_id: int, task: str) -> None:
        """Clear a task of a bundle's job and the tasks after it, as the Airflow UI does."""
        body = {
            "dry_run": False,
            "dag_run_id": f"job-{job_id}",
            "task_ids": [task],
            "only_failed": False,
            "include_downstream": True,
        }
        self.request_airflow("POST", "/dags/ingest/clearTaskInstances", body)

    def run_housekeeping(self) -> None:
        """Run housekeeping immediately instead of at its next minute."""
        self.request_airflow("POST", "/dags/housekeeping/dagRuns", {"logical_date": None})

    def password(self, user: str) -> str:
        """Return the password of an Airflow account."""
        return str(json.loads((self.home / "airflow/passwords.json").read_text())[user])

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pacifica-ingest-cmd as an admin does."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("pacifica-ingest-cmd")), *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextmanager
def starting() -> Iterator[None]:
    """Hold the lock under which one stack starts at a time, because a start takes both cores."""
    with STARTING.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def running_stack(home: Path, settings: dict[str, str]) -> Iterator[Stack]:
    """Run a stack on free ports during the block."""
    process, stack = start_stack(home, settings)
    try:
        yield stack
    finally:
        stop_stack(process)


def start_stack(home: Path, settings: dict[str, str]) -> tuple[subprocess.Popen[str], Stack]:
    """Start a stack on free ports and wait until it is ready."""
    with starting():
        return launch(home, settings)


def launch(home: Path, settings: dict[str, str]) -> tuple[subprocess.Popen[str], Stack]:
    """Start a stack without waiting for others: the caller holds `starting()`."""
    ports = {"INGEST_PORT": str(free_port()), "AIRFLOW_PORT": str(free_port())}
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest.local", "--no-sample"],
        env={**os.environ, **ports, "INGEST_HOME": str(home), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    assert process.stdout
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ready:"):
            environment = read_environment(home / "environment")
            urls = [word.strip(",\n") for word in line.split() if word.startswith("http")]
            return process, Stack(home, urls[0], urls[1], environment)
    raise AssertionError("the stack did not start:\n" + "".join(lines))


@contextmanager
def ledger_of(stack: Stack) -> Iterator[Engine]:
    """Connect to a stack's database of jobs."""
    engine = make_engine(load_settings(stack.environment), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def stop_stack(process: subprocess.Popen[str]) -> None:
    """Stop a stack as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=STOP_SECONDS)


def answers(url: str) -> bool:
    """Return whether a server answers at a URL."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def read_environment(path: Path) -> dict[str, str]:
    """Return the variables that the stack wrote for an admin's shell."""
    pairs = (shlex.split(line)[1].split("=", 1) for line in path.read_text().splitlines())
    return {name: value for name, value in pairs if name != "PATH"}


def free_port() -> int:
    """Return a free port below the range from which Linux assigns ports."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
