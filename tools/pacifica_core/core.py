"""The four services as processes: started, stopped, and started again. Called by the fixture `core` and by `make core`."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from ingest.local.layout import Layout
from ingest.local.postgres import create_database
from ingest.local.privileges import die_with
from tools.pacifica_core.environment import core_binaries
from tools.pacifica_core.people import add_people
from tools.pacifica_core.services import ARCHIVE, DATABASES, METADATA, SERVICES, Service, settings_of
from tools.waiting import wait_until

PREPARE_SECONDS = 120
START_SECONDS = 60
STOP_SECONDS = 20
PROBE_SECONDS = 2


class Core:
    """The real services in a folder of their own, on a PostgreSQL that runs already."""

    def __init__(self, folder: Path, postgres: Layout, ports: Mapping[str, int]) -> None:
        self.folder = folder
        self._postgres = postgres
        self._binaries = core_binaries()
        self.services = {name: Service(name, ports[name], folder / name) for name in SERVICES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for service in self.services.values():
            service.write_configuration(postgres.sockets, ports)
        self.services[ARCHIVE].archive.mkdir(exist_ok=True)

    def url(self, name: str) -> str:
        """Return the address of a service."""
        return self.services[name].url

    def settings(self) -> dict[str, str]:
        """Return the variables that point the ingest at the core."""
        return settings_of({name: self.url(name) for name in SERVICES})

    def start_all(self) -> None:
        """Make databases and tables, start every service, and add submitter, project and instrument."""
        for name in DATABASES:
            create_database(self._postgres, name)
        preparations = [self._prepare(name) for name in DATABASES]
        for process in preparations:
            assert process.wait(PREPARE_SECONDS) == 0, f"dbsync failed: see {self.folder}/*/log"
        for name in SERVICES:
            self._run(name)
        for name in SERVICES:
            self.wait_for(name)
        add_people(self.url(METADATA))

    def start(self, name: str) -> None:
        """Start a service and wait until it answers."""
        self._run(name)
        self.wait_for(name)

    def stop(self, name: str) -> None:
        """Stop a service; its port is free afterwards."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def kill(self, name: str) -> None:
        """End a service as a crash does."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(STOP_SECONDS)

    def stop_all(self) -> None:
        """Stop every service that runs."""
        for name in list(self._processes):
            self.stop(name)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Stop a service inside the block."""
        self.stop(name)
        try:
            yield
        finally:
            self.start(name)

    def wait_for(self, name: str) -> None:
        """Wait until a service answers."""
        wait_for_answer(self.services[name], self._processes[name])

    def _prepare(self, name: str) -> subprocess.Popen[bytes]:
        command = self.services[name].preparation(self._binaries)
        assert command
        return self._spawn(name, command)

    def _run(self, name: str) -> None:
        self._processes[name] = self._spawn(name, self.services[name].command(self._binaries))

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        service, parent = self.services[name], os.getpid()
        with service.log.open("ab") as log:
            return subprocess.Popen(
                command,
                env={**_clean_environment(), **service.environment()},
                cwd=service.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: die_with(parent, signal.SIGKILL),  # noqa: PLW1509 - the tests fork from one thread
            )


def wait_for_answer(service: Service, process: subprocess.Popen[bytes]) -> None:
    """Wait until the process of a service answers."""

    def failure() -> str:
        return f"{service.name} does not answer:\n{service.log.read_text()[-2000:]}"

    def answers() -> bool:
        assert process.poll() is None, failure()
        try:
            requests.get(service.url, timeout=PROBE_SECONDS)
        except requests.RequestException:
            return False
        return True

    wait_until(answers, START_SECONDS, failure)


def _clean_environment() -> dict[str, str]:
    """Return the variables without those of our own service that the core would read too."""
    ours = {"PEEWEE_URL", "PYTHONPATH", "DATABASE_CONNECT_WAIT", "DATABASE_CONNECT_ATTEMPTS"}
    return {name: value for name, value in os.environ.items() if name not in ours}
