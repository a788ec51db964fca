"""Inject the faults of a soak at random times: kill or stop processes, stop services, clear and retry jobs.

Called by `soak`, in the thread that starts everything, because a service of the core dies with the thread that started it.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple

import requests

from ingest.states.job_state import RECEIVED_LABEL
from ingest.states.stages import STAGES, Kind
from tools.soak.journal import Answered, Journal
from tools.stack import Stack
from tools.stack_processes import Processes, Role

PAUSE_SECONDS = (2.0, 20.0)
OUTAGE_SECONDS = (2.0, 20.0)
TICK_SECONDS = 0.1
PAUSED_ROLES = (Role.TASK, Role.SCHEDULER, Role.API_WORKER)


class Service(NamedTuple):
    """A server that the stack calls: how it is killed, and started again."""

    kill: Callable[[], None]
    start: Callable[[], None]


@dataclass
class FaultInjector:
    """Causes one fault after the other; each method returns whether there was a target. `services` have names."""

    stack: Stack
    journal: Journal
    chance: Random
    services: Mapping[str, Service]
    gap_seconds: tuple[float, float] = (3.0, 20.0)
    _later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _killed: set[str] = field(default_factory=set)

    def inject_faults(self, seconds: float, check: Callable[[], None]) -> None:
        """Cause faults for a while; `check` is called often, and raises when the stack has ended."""
        end = time.monotonic() + seconds
        due = time.monotonic()
        deck: list[tuple[str, Callable[[], bool]]] = []
        while time.monotonic() < end:
            check()
            self._run_due_actions(time.monotonic())
            if time.monotonic() >= due:
                # Each kind once before any comes a second time.
                deck = deck or self.chance.sample(sorted(self._faults().items()), len(self._faults()))
                name, cause = deck.pop()
                self.journal.faults[name] += cause()
                due = time.monotonic() + self.chance.uniform(*self.gap_seconds)
            time.sleep(TICK_SECONDS)
        self.end()

    def end(self) -> None:
        """Continue every stopped process, and start every killed service."""
        while self._later:
            self._run_due_actions(time.monotonic())
            time.sleep(TICK_SECONDS)

    def _run_due_actions(self, now: float) -> None:
        due = [action for at, action in self._later if at <= now]
        self._later = [each for each in self._later if each[0] > now]
        for action in due:
            action()

    def _faults(self) -> dict[str, Callable[[], bool]]:
        kills = {f"SIGKILL of {role}": partial(self._kill, role) for role in Processes(self.stack).roles}
        pauses = {f"SIGSTOP of {role}": partial(self._pause, role) for role in PAUSED_ROLES}
        outages = {f"SIGKILL of {name}": partial(self._kill_service, name) for name in self.services}
        people = {"a clear": self._clear, "two simultaneous clears": self._clear_twice, "a retry": self._retry}
        return {**kills, **pauses, **outages, **people}

    def _kill(self, role: Role) -> bool:
        return self._signal(role, signal.SIGKILL) is not None

    def _pause(self, role: Role) -> bool:
        process = self._signal(role, signal.SIGSTOP)
        if process is not None:
            self._schedule(PAUSE_SECONDS, partial(_continue, process))
        return process is not None

    def _signal(self, role: Role, number: signal.Signals) -> int | None:
        """Signal one of the processes that have a role; return which, None when there is none."""
        found = Processes(self.stack).find(role)
        with suppress(ProcessLookupError):
            if found:
                process = self.chance.choice(found)
                os.kill(process, number)
                return process
        return None

    def _kill_service(self, name: str) -> bool:
        if name in self._killed:
            return False
        self.services[name].kill()
        self._killed.add(name)
        self._schedule(OUTAGE_SECONDS, partial(self._restart_service, name))
        return True

    def _restart_service(self, name: str) -> None:
        self.services[name].start()
        self._killed.remove(name)

    def _clear(self) -> bool:
        job = self._running_job()
        return job is not None and self._clear_in_airflow(job)

    def _clear_twice(self) -> bool:
        job = self._running_job()
        if job is None:
            return False
        first = threading.Thread(target=self._clear_in_airflow, args=(job,))
        first.start()
        done = self._clear_in_airflow(job)
        first.join()
        return done

    def _clear_in_airflow(self, job: Answered) -> bool:
        job.touched = True
        # The api-server is unavailable, or its answer is no token.
        with suppress(requests.RequestException, AssertionError, KeyError):
            self.stack.clear(job.job_id, self.chance.choice(STAGES[Kind.INGEST]))
            return True
        return False

    def _retry(self) -> bool:
        job = self._running_job()
        if job is None:
            return False
        job.touched = True
        with suppress(subprocess.TimeoutExpired):
            return self.stack.command("retry", "--job-id", str(job.job_id)).returncode == 0
        return False

    def _running_job(self) -> Answered | None:
        begun = [
            job for job in self.journal.jobs(ended=False) if job.shown.get("task", RECEIVED_LABEL) != RECEIVED_LABEL
        ]
        running = [job for job in begun if job.kind is Kind.INGEST]
        return self.chance.choice(running) if running else None

    def _schedule(self, seconds: tuple[float, float], action: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + self.chance.uniform(*seconds), action))


def _continue(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)
