"""A real HTTP server on the loopback interface with scripted answers of Airflow, and the documents that it answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingest.states.stages import STAGES, Kind

TASKS = "/api/v2/dags/~/dagRuns/~/taskInstances/list"


@dataclass
class Request:
    """A request that arrived."""

    method: str
    path: str
    body: Any
    authorization: str | None


@dataclass
class Airflow:
    """A server with scripted answers for each path, in order; the last answer is repeated."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    received: list[Request] = field(default_factory=list)
    tokens: int = 0
    refused_token: str = ""
    unresponsive: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[f"{method} {path}"] = list(answers)

    def requests(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.received if each.path != "/auth/token"]


def task(
    state: str | None, try_number: int = 1, run_id: str = "job-7", task_id: str = "open_tar", kind: Kind = Kind.INGEST
) -> dict[str, Any]:
    """Return a task instance as Airflow lists it."""
    named = {"dag_id": kind.value, "dag_run_id": run_id, "task_id": task_id}
    return {**named, "state": state, "try_number": try_number, "map_index": -1}


def tasks(
    state: str | None, try_number: int = 1, run_id: str = "job-7", kind: Kind = Kind.INGEST
) -> list[dict[str, Any]]:
    """Return all task instances of a run: the first in a state, the others not started."""
    first, *others = STAGES[kind]
    return [
        task(state, try_number, run_id, first.value, kind),
        *(task(None, 0, run_id, stage.value, kind) for stage in others),
    ]


def job_run(state: str, job_id: int = 7) -> dict[str, Any]:
    """Return a job's run as Airflow lists it."""
    return {"state": state, "conf": {"job_id": job_id}, "triggering_user_name": "ingest"}


@contextmanager
def scripted_airflow() -> Iterator[Airflow]:
    """Run the server; requests without an answer end with the `with` block."""
    airflow = Airflow()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(airflow)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        airflow.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield airflow
        airflow.unresponsive.set()
        server.shutdown()
        thread.join()


def _handler_of(airflow: Airflow) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            airflow.received.append(Request(self.command, self.path, body, self.headers.get("Authorization")))
            status, document = self.chosen_answer()
            if document is None:
                # No answer before the end of the test.
                airflow.unresponsive.wait(30)
                self.close_connection = True
                return
            if status == 204:
                self.send_response(status)
                self.end_headers()
                return
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def chosen_answer(self) -> tuple[int, Any]:
            if airflow.refused_token and self.headers.get("Authorization") == airflow.refused_token:
                return 401, {"detail": "expired"}
            answers = airflow.answers.get(f"{self.command} {self.path}")
            if self.path == "/auth/token" and answers is None:
                airflow.tokens += 1
                return 201, {"access_token": f"token-{airflow.tokens}"}
            if answers is None:
                return 500, {"detail": "not scripted"}
            return answers.pop(0) if len(answers) > 1 else answers[0]

        def log_message(self, format: str, *args: object) -> None:
            pass

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

    return Handler
