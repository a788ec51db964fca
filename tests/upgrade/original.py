"""The real pacifica-ingest 0.4.1 on its own database: its programs, its Python and its server.

Called by the tests of the upgrade, and by the benchmark.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import make_url

from ingest.local.privileges import die_with
from tools.pacifica_core.environment import core_binaries
from tools.stack import free_port
from tools.waiting import wait_until

RUN_SECONDS = 120
START_SECONDS = 60
STOP_SECONDS = 20
# The example of the original documentation, with another port and other logging.
CHERRYPY = """\
[global]
log.screen: True
server.socket_host: '127.0.0.1'
server.socket_port: {port}
[/]
request.dispatch: cherrypy.dispatch.MethodDispatcher()
tools.response_headers.on: True
tools.response_headers.headers: [('Content-Type', 'application/json')]
"""
UPDATE_STATES = """
import json, sys
from pacifica.ingest.orm import update_state
for state in json.load(sys.stdin):
    update_state(*state)
"""
# Job id, state, task, percent and exception, as the tasks of the original service pass them.
State = tuple[int, str, str, float, str]


class Original:
    """The original service, configured by its variables."""

    def __init__(
        self, folder: Path, database_url: str, variables: Mapping[str, str] | None = None, cherrypy: str = CHERRYPY
    ) -> None:
        """Prepare the folder; `variables` are the URLs of its services, `cherrypy` is the file of its server."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._variables = dict(variables or {})
        self._cherrypy = cherrypy
        self._binaries = core_binaries()
        url = make_url(database_url)
        self.peewee_url = f"postgresql://{url.username}@/{url.database}?host={url.query['host']}"

    def dbsync(self) -> None:
        """Call its `pacifica-ingest-cmd dbsync`."""
        self._run([str(self._binaries / "pacifica-ingest-cmd"), "dbsync"])

    def update_states(self, states: Sequence[State]) -> None:
        """Write states with its `update_state`."""
        self.python(UPDATE_STATES, states)

    def python(self, code: str, document: object = None, **environment: str) -> str:
        """Run code in its Python, with a JSON document on stdin; return the output."""
        return self._run([str(self._binaries / "python"), "-c", code], json.dumps(document), **environment)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run its server; yield the URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        configuration = self.folder / "cpconfig.ini"
        configuration.write_text(self._cherrypy.format(port=port))
        with self.running("log", "pacifica-ingest", "--cp-config", str(configuration)) as process:
            log = self.folder / "log"
            wait_until(lambda: answers(url, process), START_SECONDS, lambda: log.read_text()[-2000:])
            yield url

    @contextmanager
    def running(self, log: str, program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run one of its programs, with output to the file `log`, and end it afterwards."""
        parent = os.getpid()
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                [str(self._binaries / program), *arguments],
                env=self._environment(),
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: die_with(parent, signal.SIGKILL),  # noqa: PLW1509 - called before any thread is made
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)

    def _run(self, command: list[str], stdin: str = "", **environment: str) -> str:
        done = subprocess.run(
            command,
            env={**self._environment(), **environment},
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            # Without the files of the user who runs the tests.
            "HOME": str(self.folder),
            "PYTHONWARNINGS": "ignore",
            "PYTHONIOENCODING": "utf-8",
            "PEEWEE_URL": self.peewee_url,
            "DATABASE_CONNECT_ATTEMPTS": "1",
            **self._variables,
        }


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return whether the server answers; fail if it has ended."""
    assert process.poll() is None, "the original's server has ended: see its log"
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def answer_of(url: str, job_id: int) -> dict[str, Any]:
    """Return the answer of the original server for a job."""
    answer = requests.get(f"{url}/get_state", params={"job_id": job_id}, timeout=30)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document
