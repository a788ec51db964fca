"""This service: the whole stack as `make run` starts it, with the benchmark's own DAGs beside those of the service.

One stack runs at a time. Each set of services has its own folder, because a ledger must not contain IDs from two sources.
Called by `testbed`.
"""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from sqlalchemy import Engine

from bench.client import Client
from bench.systems.freezing import freeze, thaw
from ingest.local.layout import PROJECT
from tools.stack import Stack, launch, ledger_of, starting, stop_stack
from tools.waiting import wait_until

DAGS = Path(__file__).resolve().parents[1] / "dags"
HEALTHY_SECONDS = 60
# After a freeze, the scheduler has missed work to process.
SETTLE_SECONDS = 2
TIMEOUT_SECONDS = 10


class ThisService:
    """The stack; started on first use, and restarted when a row needs another folder or other settings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dags = folder / "dags"
        self._dags.mkdir(parents=True)
        for path in (*(PROJECT / "dags").glob("*.py"), *DAGS.glob("*.py")):
            (self._dags / path.name).symlink_to(path)
        self._running: tuple[str, dict[str, str]] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._stack: Stack | None = None
        self.start_seconds = 0.0

    def stack(self, name: str, settings: Mapping[str, str] | None = None) -> Stack:
        """Return the running stack in the folder `name` with these settings; start it if necessary."""
        wanted = (name, dict(settings or {}))
        if self._stack is None or self._running != wanted:
            self.stop()
            self._start(*wanted)
        assert self._stack
        return self._stack

    def client(self) -> Client:
        """Return a client of the running stack."""
        assert self._stack
        return Client(self._stack.api)

    def launcher_id(self) -> int:
        """Return the process ID of the launcher, the ancestor of all processes of the stack."""
        assert self._process
        return self._process.pid

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the stack if one runs; afterwards, thaw it and wait until it is healthy."""
        if self._process is None:
            yield
            return
        frozen = freeze(self._process.pid)
        try:
            yield
        finally:
            # The launcher is thawed last, because it restarts programs that do not respond.
            thaw(frozen[1:])
            try:
                time.sleep(SETTLE_SECONDS)
                wait_until(
                    self._is_healthy,
                    HEALTHY_SECONDS,
                    lambda: f"the stack was not healthy {HEALTHY_SECONDS} s after it was thawed",
                )
            finally:
                thaw(frozen[:1])

    @contextmanager
    def ledger(self) -> Iterator[Engine]:
        """Connect to the ledger."""
        assert self._stack
        with ledger_of(self._stack) as engine:
            yield engine

    def remove_bundles(self) -> None:
        """Remove the bundles of failed jobs from the spool, which retention would do only later."""
        assert self._stack
        for path in (self._stack.home / "spool").iterdir():
            with suppress(FileNotFoundError, IsADirectoryError):
                path.unlink()

    def stop(self) -> None:
        """Stop the running stack, if any."""
        if self._process is not None:
            stop_stack(self._process)
        self._process = self._stack = self._running = None

    def _start(self, name: str, settings: dict[str, str]) -> None:
        folders = {"AIRFLOW__CORE__DAGS_FOLDER": str(self._dags)}
        with starting():
            begun = time.monotonic()
            self._process, self._stack = launch(self._folder / name, {**folders, **settings})
            self.start_seconds = time.monotonic() - begun
        self._running = (name, settings)

    def _is_healthy(self) -> bool:
        assert self._stack
        try:
            health = requests.get(f"{self._stack.airflow}/api/v2/monitor/health", timeout=TIMEOUT_SECONDS).json()
            ready = requests.get(f"{self._stack.api}/readyz", timeout=TIMEOUT_SECONDS).ok
        except requests.RequestException:
            return False
        return ready and health["scheduler"]["status"] == "healthy"
