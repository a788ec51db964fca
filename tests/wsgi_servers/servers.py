"""The API under WSGI servers that facilities use, each started as in docs/how-to/install.md."""

import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.api.live_server import ROOT, Server, environment_of
from tools.pacifica_core.environment import binaries_of
from tools.stack import free_port

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
START_SECONDS = 120


@dataclass(frozen=True)
class WsgiServer:
    """A program, its arguments, whether it reports the end of a chunked body reliably, and whether it permits threads."""

    program: str
    words: tuple[str, ...]
    takes_chunks: bool = False
    has_threads: bool = True


SERVERS = {
    # The documented command of pacifica-ingest 0.4.1, except for the port.
    "uwsgi": WsgiServer("uwsgi", ("--http-socket", ":{port}", "--master", "--module", "api.wsgi"), has_threads=False),
    "uwsgi with threads": WsgiServer(
        "uwsgi",
        (
            *("--http-socket", "127.0.0.1:{port}", "--master", "--module", "api.wsgi:create()", "--lazy-apps"),
            *("--processes", "2", "--threads", "4"),
        ),
    ),
    # Reads the whole body, then calls the application with its length.
    "waitress": WsgiServer(
        "waitress-serve", ("--listen", "127.0.0.1:{port}", "api.wsgi:application"), takes_chunks=True
    ),
    "cheroot": WsgiServer("cheroot", ("--bind", "127.0.0.1:{port}", "api.wsgi:application")),
    "granian": WsgiServer(
        "granian", ("--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}", "api.wsgi:application")
    ),
    "gunicorn": WsgiServer(
        "gunicorn",
        ("--bind", "127.0.0.1:{port}", "--threads", "4", "--forwarder-headers", "", "api.wsgi"),
        takes_chunks=True,
    ),
}


@contextmanager
def serving_under(server: WsgiServer, spool: Path, database_url: str, **settings: str) -> Iterator[Server]:
    """Run the API under a server, with its own settings and without Airflow."""
    port = free_port()
    command = [str(_program(server.program)), *(word.format(port=port) for word in server.words)]
    environment = {**environment_of(spool, database_url), **settings}
    # The packages of the service, for a server with its own environment.
    environment["PYTHONPATH"] += f":{sysconfig.get_path('purelib')}"
    with (spool.parent / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait(process, port, spool.parent / "log")
        yield Server(("127.0.0.1", port), spool, database_url, process.pid)
    finally:
        # SIGTERM makes uwsgi reload instead of stop.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


def _program(name: str) -> Path:
    own = Path(sys.executable).with_name(name)
    return own if own.exists() else binaries_of("wsgi-servers", REQUIREMENTS) / name


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=30)
        except (requests.ConnectionError, requests.Timeout):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        else:
            return
