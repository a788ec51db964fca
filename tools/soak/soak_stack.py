"""The stack of a soak, in front of the built-in services or of real ones."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.pacifica_core.core import Core
from tools.pacifica_core.database import postgres_in
from tools.pacifica_core.services import SERVICES
from tools.soak.fault_injector import Service
from tools.soak.notifications.receiver_process import ReceiverProcess
from tools.stack import STOP_SECONDS, Stack, free_port, start_stack, stop_stack

BUILT_IN, CORE = "builtin", "core"
SETTINGS = {
    # A killed stage is retried soon; the number of tries is that of a facility.
    "INGEST_RETRY_DELAY": "1",
    "INGEST_MAX_RETRY_DELAY": "15",
    # Retention removes everything at the end.
    "INGEST_KEEP_REJECTED_DAYS": "0",
    "INGEST_RECEIVE_TIMEOUT": "30",
    "INGEST_KEEP_ABANDONED_SECONDS": "1",
}


class StackEnded(Exception):
    """The stack ended unexpectedly."""


@dataclass(frozen=True)
class SoakStack:
    """A running stack, its launcher and its webhook; `core`: the real services, if the stack uses them."""

    stack: Stack
    launcher: subprocess.Popen[str]
    receiver: ReceiverProcess
    core: Core | None

    @property
    def settings(self) -> dict[str, str]:
        """Return the variables of the stack's processes, including those of its launcher."""
        return {**self.stack.environment, **(self.core.settings() if self.core else {})}

    @property
    def services(self) -> dict[str, Service]:
        """Return the servers that the stack calls, by their names in the report."""
        receiver = {"the receiver of notifications": Service(self.receiver.kill, self.receiver.start)}
        if self.core is None:
            return receiver
        kill, start = self.core.kill, self.core.start
        return receiver | {
            f"the service {name}": Service(partial(kill, name), partial(start, name)) for name in self.core.services
        }

    def check(self) -> None:
        """Raise StackEnded if the stack ended unexpectedly."""
        if self.launcher.poll() is not None:
            raise self.ended()

    def ended(self) -> "StackEnded":
        """Return the error of a stack that ended unexpectedly, with the output of its launcher."""
        output, _ = self.launcher.communicate(timeout=STOP_SECONDS)
        return StackEnded(f"the stack ended unexpectedly: {output}")


@contextmanager
def soak_stack(folder: Path, services: str, seed: int) -> Iterator[SoakStack]:
    """Run the stack, its services and its webhook in a folder; stop them at the end."""
    with ExitStack() as ended:
        receiver = ReceiverProcess(folder, seed)
        ended.callback(receiver.kill)
        receiver.start()
        core = ended.enter_context(_core_in(folder / "core")) if services == CORE else None
        settings = {**SETTINGS, **receiver.settings(), **(core.settings() if core else {})}
        launcher, stack = start_stack(folder / "stack", settings)
        ended.callback(stop_stack, launcher)
        yield SoakStack(stack, launcher, receiver, core)


@contextmanager
def _core_in(folder: Path) -> Iterator[Core]:
    folder.mkdir()
    with postgres_in(folder / "database") as postgres:
        core = Core(folder, postgres, {name: free_port() for name in SERVICES})
        try:
            core.start_all()
            yield core
        finally:
            core.stop_all()
