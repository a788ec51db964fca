"""supervisord, which runs the programs: start it, call it, stop it. Called at launch."""

import os
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from ingest.local import program
from ingest.local.configuration import configuration, full_name, services_of
from ingest.local.executor import find_executor
from ingest.local.layout import Layout
from ingest.local.reporting import LaunchFailure
from ingest.local.waiting import wait_until

# A program that ended is EXITED until supervisord restarts it, and FATAL once supervisord has given up.
GIVEN_UP = frozenset({"FATAL", "UNKNOWN"})
ENDED = GIVEN_UP | {"EXITED"}
START_SECONDS = 20
STOP_SECONDS = 45


class Supervisor:
    """A running supervisord."""

    def __init__(self, layout: Layout, environment: Mapping[str, str], lock: int) -> None:
        """Start supervisord in a session of its own, so that a terminal's Ctrl-C reaches only the launcher.

        supervisord inherits the lock of the instance and holds it until it ends, even if the launcher is killed.
        """
        self.layout = layout
        self.services = services_of(find_executor(environment))
        (layout.home / "supervisord.conf").write_text(configuration(layout), encoding="utf-8")
        with layout.log("supervisord-output").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - its own command
                [sys.executable, "-m", "ingest.local.program", program.SUPERVISOR, str(os.getpid())],
                cwd=layout.home, env=dict(environment), start_new_session=True, pass_fds=[lock],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        transport = SupervisorTransport(None, None, f"unix://{layout.sockets / 'supervisor.sock'}")
        self._remote: Any = ServerProxy("http://127.0.0.1", transport=transport).supervisor
        self._transport = transport

    def wait_for_start(self) -> None:
        """Wait until supervisord answers; raises LaunchFailure."""
        wait_until(self._answers, START_SECONDS, lambda: self._failure("does not answer"))

    def start(self, name: str) -> None:
        """Start a program without waiting for it."""
        self._remote.startProcess(full_name(name), False)

    def restart(self, name: str) -> None:
        """Stop a program, by SIGKILL if SIGTERM has no effect, and start it again."""
        try:
            self._remote.stopProcess(full_name(name), True)
        except Fault:
            # It has ended in the meantime, and supervisord restarts it.
            return
        self.start(name)

    def run_to_end(self, name: str, seconds: float) -> None:
        """Run a program to its end; raises LaunchFailure when it fails or exceeds `seconds`."""
        self.start(name)
        wait_until(lambda: self.state(name) in ENDED, seconds, lambda: self.program_failure(name, "takes too long"))
        self.check_ended_well(name)

    def check_ended_well(self, name: str) -> None:
        """Raise LaunchFailure unless the program ended with exit status 0."""
        if self._remote.getProcessInfo(full_name(name))["exitstatus"] != 0:
            raise self.program_failure(name, "failed")

    def state(self, name: str) -> str:
        """Return a program's state as supervisord names it, such as RUNNING."""
        self.check_alive()
        return str(self._remote.getProcessInfo(full_name(name))["statename"])

    def process(self, name: str) -> int:
        """Return the process id of a program, 0 when it has no process."""
        self.check_alive()
        return int(self._remote.getProcessInfo(full_name(name))["pid"])

    def check_running(self, *names: str) -> None:
        """Raise LaunchFailure when supervisord has given up on one of the programs or has ended itself."""
        for name in names:
            if self.state(name) in GIVEN_UP:
                raise self.program_failure(name, "ends immediately after its start")

    def check_alive(self) -> None:
        """Raise LaunchFailure when supervisord itself has ended."""
        if self._process.poll() is not None:
            raise self._failure("has ended")

    def program_failure(self, name: str, what: str) -> LaunchFailure:
        """Return the failure of a program, with its log."""
        return LaunchFailure(f"{name} {what}", self.layout.log(name))

    def stop(self) -> None:
        """Stop all programs and supervisord, and wait for it."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            wait_until(self._has_ended, STOP_SECONDS, lambda: self._failure("does not end"))
        except LaunchFailure:
            # Its programs end with it.
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def _has_ended(self) -> bool:
        # supervisord handles signals and ended programs once a second, or when it receives a call.
        self._responds()
        return self._process.poll() is not None

    def _answers(self) -> bool:
        self.check_alive()
        return self._responds()

    def _responds(self) -> bool:
        try:
            return bool(self._remote.getState())
        except (OSError, HTTPException, Fault):
            self._transport.close()
            return False

    def _failure(self, what: str) -> LaunchFailure:
        return LaunchFailure(f"supervisord {what}", self._log())

    def _log(self) -> Path:
        own = self.layout.log("supervisord")
        return own if own.exists() else self.layout.log("supervisord-output")
