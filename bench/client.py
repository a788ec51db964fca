"""A client for this service and the original service: the calls that both support, on one connection, with little overhead.

Called by the rows.
"""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

TIMEOUT_SECONDS = 120
POLL_SECONDS = 0.02
BLOCK = 64 * 1024
OK = 200
State = dict[str, Any]


class Client:
    """Posts bundles and queries the states of jobs."""

    def __init__(self, url: str) -> None:
        parsed = urlsplit(url)
        self.address = (str(parsed.hostname), int(parsed.port or 80))
        self._pool = urllib3.HTTPConnectionPool(*self.address, timeout=TIMEOUT_SECONDS, retries=False)

    def post(self, bundle: bytes) -> int:
        """Post a bundle; return the job ID."""
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._pool.request("POST", "/upload", body=bundle, headers=headers)
        return _job_id(answer.status, answer.data)

    def post_file(self, path: Path, header: str = "") -> int:
        """Post a bundle from a file, which the kernel copies to the socket, with one more header; return the job ID."""
        line = f"{header}\r\n" if header else ""
        head = (
            f"POST /upload HTTP/1.1\r\nHost: {self.address[0]}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {path.stat().st_size}\r\nConnection: close\r\n{line}\r\n"
        )
        answer = send_file(self.address, head.encode(), path)
        return _job_id(int(answer.split(maxsplit=2)[1]), answer.partition(b"\r\n\r\n")[2])

    def state(self, job: int) -> State:
        """Return the state of a job."""
        answer = self._pool.request("GET", f"/get_state?job_id={job}")
        if answer.status != OK:
            raise RuntimeError(f"get_state for job {job} failed with HTTP {answer.status}: {answer.data[:300]!r}")
        return dict(json.loads(answer.data))

    def wait_for_end(self, job: int, timeout: float, on_state: Callable[[State], None] = lambda _: None) -> State:
        """Poll until a job has ended by the rule of the stock client; return its last state. Raises TimeoutError.

        Each state is passed to `on_state`.
        """
        end = time.monotonic() + timeout
        while True:
            state = self.state(job)
            on_state(state)
            if _has_ended(state):
                return state
            if time.monotonic() > end:
                raise TimeoutError(f"job {job} did not end within {timeout} s: {state}")
            time.sleep(POLL_SECONDS)

    def wait_until_complete(self, job: int, timeout: float, on_state: Callable[[State], None] = lambda _: None) -> None:
        """Poll until a job is complete. Raises RuntimeError if it failed, TimeoutError."""
        state = self.wait_for_end(job, timeout, on_state)
        if state["state"] != "OK":
            raise RuntimeError(f"job {job} failed: {state}")


def send_file(address: tuple[str, int], head: bytes, path: Path) -> bytes:
    """Send `head` and then a file; return everything that is received until the connection is closed."""
    with socket.create_connection(address, TIMEOUT_SECONDS) as connection, path.open("rb") as file:
        connection.sendall(head)
        connection.sendfile(file)
        answer = b""
        while block := connection.recv(BLOCK):
            answer += block
    return answer


def _has_ended(state: State) -> bool:
    cataloged = state["task"] == "ingest metadata" and float(state["task_percent"]) >= 100  # noqa: PLR2004
    return bool(state["state"] != "OK" or cataloged)


def _job_id(status: int, body: bytes) -> int:
    if status != OK:
        raise RuntimeError(f"the upload failed with HTTP {status}: {body[:300]!r}")
    return int(json.loads(body)["job_id"])
