"""The command `pacifica-ingest-upload` as its users run it, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENT = Path(__file__).parents[2] / "client"
SECONDS = 300
PROGRAM = [sys.executable, "-m", "pacifica_ingest_client"]
METADATA = ["--project", "1234a", "--instrument", "54", "--submitter", "10"]


@dataclass(frozen=True)
class Ended:
    """The exit status and the output of a command."""

    status: int
    printed: str
    errors: str

    @property
    def document(self) -> dict[str, Any]:
        """The result that --json printed."""
        return dict(json.loads(self.printed))


@dataclass(frozen=True)
class Uploader:
    """Runs the command against a service, with its state in a folder."""

    url: str
    state: Path
    program: tuple[str, ...] = tuple(PROGRAM)

    def start(
        self, *arguments: str, metadata: list[str] = METADATA, variables: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start the command."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
        environment |= {"PYTHONPATH": str(CLIENT), "INGEST_URL": self.url, **(variables or {})}
        return subprocess.Popen(
            [*self.program, "--state-folder", str(self.state), *metadata, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, metadata: list[str] = METADATA, variables: Mapping[str, str] | None = None) -> Ended:
        """Run the command to its end."""
        with self.start(*arguments, metadata=metadata, variables=variables) as process:
            printed, errors = process.communicate(timeout=SECONDS)
        return Ended(process.returncode, printed, errors)
