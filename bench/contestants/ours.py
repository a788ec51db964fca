"""This service: the whole stack, started as `make run` starts it, and the floor of Airflow on the same stack.

Called by `surroundings`. One stack runs at a time; each kind of services has a folder of its own, because a ledger must not
meet ids of two sources.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from sqlalchemy import Engine

from bench.client import Client
from bench.contestants.freezing import freeze, thaw
from ingest.local.layout import PROJECT
from tools.stack import Stack, launch, ledger_of, starting, stop_stack
from tools.waiting import wait_until

DAGS = Path(__file__).resolve().parents[1] / "dags"
HEALTHY_SECONDS = 60
# After it was frozen, the scheduler has something to catch up on.
SETTLE_SECONDS = 2
TIMEOUT_SECONDS = 10


class Ours:
    """Our stack; started when it is asked for, and again when it is to be another one."""

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
        """Give the running stack in the folder `name`, with these settings."""
        wanted = (name, dict(settings or {}))
        if self._stack is None or self._running != wanted:
            self.stop()
            self._start(*wanted)
        assert self._stack
        return self._stack

    def client(self) -> Client:
        """A client of the stack that runs."""
        assert self._stack
        return Client(self._stack.api)

    def process(self) -> int:
        """The id of the launcher's process, above all others of the stack."""
        assert self._process
        return self._process.pid

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold the stack still, if one runs; it answers again afterwards."""
        if self._process is None:
            yield
            return
        frozen = freeze(self._process.pid)
        try:
            yield
        finally:
            # The launcher last: it restarts what gives no sign of life.
            thaw(frozen[1:])
            try:
                time.sleep(SETTLE_SECONDS)
                wait_until(
                    self._is_healthy, HEALTHY_SECONDS, lambda: "our stack does not come back after it was frozen"
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
        """Remove what failed jobs leave in the spool, which retention would only do later."""
        assert self._stack
        for path in (self._stack.home / "spool").iterdir():
            with suppress(FileNotFoundError, IsADirectoryError):
                path.unlink()

    def remove_archive(self) -> None:
        """Remove what jobs have put into the built-in archive, so that the disk does not fill."""
        assert self._stack
        for path in (self._stack.home / "archive").iterdir():
            shutil.rmtree(path)

    def stop(self) -> None:
        """Stop the stack that runs."""
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
