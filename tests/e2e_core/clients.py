"""The stock clients as their users run them: pacifica-cli, and a program on the library pacifica-uploader. Used by tests.

Both run unchanged, as processes in the core's environment, because their pins clash with ours. They sleep for
seconds, so several are started simultaneously and then awaited.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.pacifica_core.core import Core
from tools.pacifica_core.environment import core_binaries
from tools.pacifica_core.people import INSTRUMENT, SUBMITTER
from tools.pacifica_core.services import POLICY
from tools.stack import Stack

DATA = Path(__file__).with_name("data")
CLIENT_SECONDS = 300
WHO = ("--logon", str(SUBMITTER), "--instrument", str(INSTRUMENT))
# Fields that a facility usually requires, by `metaID` in data/uploader.json.
USUAL = ("logon", "project", "instrument", "user-of-record")


@dataclass(frozen=True)
class Ended:
    """The exit status and the output of a client that ended."""

    status: int
    printed: str
    errors: str

    @property
    def job(self) -> int:
        """The id of the job that pacifica-cli named."""
        found = re.search(r"Waiting (?:job to complete|Job ID) \((\d+)\)", self.printed)
        assert found, self.printed + self.errors
        return int(found[1])

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON that the client printed last; pacifica-cli prints the last state."""
        assert "{" in self.printed, self.printed + self.errors
        return dict(json.loads(self.printed[self.printed.index("{") :]))


@dataclass
class Client:
    """A client that runs."""

    process: subprocess.Popen[bytes]

    @cached_property
    def ended(self) -> Ended:
        """Wait until it ends."""
        return self.end_with(None)

    def end_with(self, rest: bytes | None) -> Ended:
        """Send the rest of its input, and wait until it ends."""
        printed, errors = self.process.communicate(rest, CLIENT_SECONDS)
        return Ended(self.process.returncode, printed.decode(), errors.decode())


class Clients:
    """The clients in a folder of the user's, configured for a stack and its core."""

    def __init__(self, folder: Path, stack: Stack, core: Core) -> None:
        self.folder = folder
        self.running: list[Client] = []
        self._binaries = core_binaries()
        policy = core.url(POLICY)
        self._environment = {
            "HOME": str(folder),
            "NO_PROXY": "*",
            "PYTHONWARNINGS": "ignore",
            "PACIFICA_CLI_INI": str(folder / "config.ini"),
            # What pacifica-cli has in its INI file, for the library.
            "INGEST_UPLOAD_URL": f"{stack.api}/upload",
            "INGEST_STATUS_URL": f"{stack.api}/get_state",
            "POLICY_UPLOADER_URL": f"{policy}/uploader",
            "POLICY_INGEST_URL": f"{policy}/ingest",
        }
        configuration = ConfigParser()
        configuration["endpoints"] = {
            "upload_url": f"{stack.api}/upload",
            "upload_status_url": f"{stack.api}/get_state",
            "upload_policy_url": f"{policy}/uploader",
            "upload_validation_url": f"{policy}/ingest",
        }
        with (folder / "config.ini").open("w") as file:
            configuration.write(file)

    def log_in(self, user: str, password: str) -> None:
        """Configure clients that start from now on to authenticate, as a user configures pacifica-cli."""
        login = {"TYPE": "basic", "USERNAME": user, "PASSWORD": password}
        self._environment |= {f"AUTHENTICATION_{name}": value for name, value in login.items()}

    def upload(self, *arguments: str, options: Sequence[str] = (), fields: Sequence[str] = USUAL) -> Client:
        """Start `pacifica-cli upload`; `options` precede that word, `fields` are those that its configuration requires."""
        return self._start([str(self._binaries / "pacifica-cli"), *options, "upload", *WHO, *arguments], fields)

    def library(self, *arguments: str) -> Client:
        """Start data/library_upload.py."""
        return self._start([str(self._binaries / "python"), str(DATA / "library_upload.py"), *arguments], USUAL)

    def _start(self, command: list[str], fields: Sequence[str]) -> Client:
        entries = json.loads((DATA / "uploader.json").read_text())
        metadata = self.folder / f"uploader-{'-'.join(fields)}.json"
        metadata.write_text(json.dumps([entry for entry in entries if entry["metaID"] in fields]))
        pipe = subprocess.PIPE
        environment = {**self._environment, "UPLOADER_CONFIG": str(metadata)}
        process = subprocess.Popen(command, env=environment, cwd=self.folder, stdin=pipe, stdout=pipe, stderr=pipe)
        self.running.append(Client(process))
        return self.running[-1]


@contextmanager
def clients_in(folder: Path, files: Mapping[str, bytes], stack: Stack, core: Core) -> Iterator[Clients]:
    """Return the clients of a folder with these files; those that still run at the end are killed."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    clients = Clients(folder, stack, core)
    try:
        yield clients
    finally:
        for client in clients.running:
            client.process.kill()
            client.process.wait()
