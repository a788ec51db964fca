"""Stock tus clients as their users run them: programs on tuspy and on tus-js-client, unchanged, as processes."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.tus_clients.environments import HERE, has_node, node_modules, tuspy_python

CLIENT_SECONDS = 300


@dataclass(frozen=True)
class Ended:
    """The result that a client printed: the URL of its upload, and what the last answer said."""

    url: str
    link: str | None
    body: str = ""


@dataclass(frozen=True)
class Running:
    """A client that runs."""

    process: subprocess.Popen[bytes]

    def wait(self) -> Ended:
        """Wait until the client ends successfully; return its result."""
        printed, errors = self.process.communicate(timeout=CLIENT_SECONDS)
        assert self.process.returncode == 0, errors.decode()
        return Ended(**json.loads(printed))

    def wait_for_error(self) -> str:
        """Wait until the client ends with an error; return its text."""
        printed, errors = self.process.communicate(timeout=CLIENT_SECONDS)
        assert self.process.returncode != 0, printed
        return errors.decode()

    def kill(self) -> None:
        """End the client as a crash does."""
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class Client:
    """A stock client: its command, and the variables that it needs."""

    name: str
    command: Callable[[], list[str]]
    environment: Callable[[], dict[str, str]] = field(default=dict)
    needs_node: bool = False

    @contextmanager
    def running(self, endpoint: str, bundle: Path, **options: Any) -> Iterator[Running]:
        """Upload a bundle in a block, whose end kills a client that still runs; the client's program lists its options."""
        client = self._start(endpoint=endpoint, file=bundle, **options)
        try:
            yield client
        finally:
            client.kill()

    def upload(self, endpoint: str, bundle: Path, **options: Any) -> Ended:
        """Upload a bundle, and return the result."""
        with self.running(endpoint, bundle, **options) as client:
            return client.wait()

    def terminate(self, url: str) -> None:
        """Terminate an upload."""
        client = self._start(terminate=url)
        _, errors = client.process.communicate(timeout=CLIENT_SECONDS)
        assert client.process.returncode == 0, errors.decode()

    def _start(self, **options: Any) -> Running:
        command = [*self.command(), json.dumps(options, default=str)]
        environment = {**os.environ, "NO_PROXY": "*", **self.environment()}
        null, pipe = subprocess.DEVNULL, subprocess.PIPE
        return Running(subprocess.Popen(command, env=environment, stdin=null, stdout=pipe, stderr=pipe))


TUSPY = Client("tuspy", lambda: [str(tuspy_python()), str(HERE / "upload_with_tuspy.py")])
TUS_JS_CLIENT = Client(
    "tus-js-client",
    lambda: ["node", str(HERE / "upload_with_tus_js_client.cjs")],
    lambda: {"NODE_PATH": str(node_modules())},
    needs_node=True,
)
CLIENTS = {client.name: client for client in (TUSPY, TUS_JS_CLIENT)}


def installed(name: str) -> Client:
    """Return a client by its name; skip the test if this machine cannot run it."""
    client = CLIENTS[name]
    if client.needs_node and not has_node():
        pytest.skip("node and npm are not installed")
    return client
