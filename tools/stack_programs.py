"""The programs of a running stack: find, stop and start them through supervisord. Used by tests and tools."""

from contextlib import closing
from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from ingest.local.configuration import full_name
from ingest.local.layout import Layout
from tools.stack import Stack
from tools.waiting import wait_until

PROGRAM_SECONDS = 180


class Programs:
    """The programs of one stack, by the names in `ingest.local.program`."""

    def __init__(self, stack: Stack) -> None:
        self._layout = Layout(stack.home)

    @property
    def supervisor(self) -> int:
        """supervisord, whose child every program is."""
        return int((self._layout.home / "supervisord.pid").read_text())

    def find(self, name: str) -> list[int]:
        """Return the process of a program, if it runs."""
        process = int(self._call("getProcessInfo", full_name(name))["pid"])
        return [process] if process else []

    def stop(self, name: str) -> None:
        """Stop a program, and wait for it."""
        self._call("stopProcess", full_name(name), True)

    def start(self, name: str) -> None:
        """Start a stopped program."""
        self._call("startProcess", full_name(name), False)

    def run_to_end(self, name: str) -> int:
        """Run a program that ends by itself; return its exit status."""
        self.start(name)
        wait_until(lambda: not self.find(name), PROGRAM_SECONDS, lambda: f"{name} does not end")
        return self.exit_status(name)

    def exit_status(self, name: str) -> int:
        """Return the exit status of a program that has ended; -1 if a signal ended it."""
        return int(self._call("getProcessInfo", full_name(name))["exitstatus"])

    def _call(self, method: str, *arguments: Any) -> Any:
        with closing(SupervisorTransport(None, None, f"unix://{self._layout.sockets}/supervisor.sock")) as transport:
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)
