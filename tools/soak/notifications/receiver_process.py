"""The process of the receiver: start it, kill it, and read the messages that it has recorded.

Used by `soak_stack`, the fault injector and the comparison.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from ingest.local.layout import PROJECT
from ingest.operations.notify.message import TYPE_PREFIX
from tools.soak.notifications.receiver import HOST, SECRET, Answer
from tools.stack import free_port
from tools.waiting import wait_until

NAME = "soak"
START_SECONDS = 30
PROBE_SECONDS = 2


@dataclass(frozen=True)
class Arrival:
    """A message that arrived, and how it was answered, or would have been if the receiver had not been killed."""

    message_id: str
    document: dict[str, Any]
    answer: Answer

    @property
    def type(self) -> str:
        """What happened, such as `job.received`."""
        return str(self.document["type"]).removeprefix(TYPE_PREFIX)

    @property
    def job_id(self) -> int:
        """The job."""
        return int(self.document["data"]["job_id"])

    @property
    def event_id(self) -> int:
        """The event in the ledger."""
        return int(self.document["data"]["event_id"])

    @property
    def is_accepted(self) -> bool:
        """Whether the sender may take the message as delivered."""
        return self.answer in (Answer.ACCEPTED, Answer.SLOW)


@dataclass
class ReceiverProcess:
    """A receiver on a port of its own; every process appends to the same file."""

    folder: Path
    seed: int
    port: int = field(default_factory=free_port)
    _started: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def settings(self) -> dict[str, str]:
        """Write the INI file of a stack that notifies this receiver, and return the variable that names it."""
        section = f"[webhook:{NAME}]\nurl = {self._url}\nsecret = {SECRET}\nallow_private = true\n"
        path = self.folder / "webhook.ini"
        path.write_text(section, encoding="utf-8")
        return {"INGEST_CONFIG": str(path)}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # Each process behaves differently, and each soak of a seed as the one before.
        self._started += 1
        arguments = [str(self.port), str(self._file), str(self.seed + self._started)]
        command = [sys.executable, "-m", f"{__package__}.receiver", *arguments]
        self._process = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL)
        wait_until(self._answers, START_SECONDS, lambda: "the receiver of notifications does not answer")

    def kill(self) -> None:
        """End it as a crash does; may be repeated."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the messages in the order of their arrival."""
        with self._file.open(encoding="utf-8") as lines:
            for line in map(json.loads, lines):
                yield Arrival(line["message_id"], line["document"], Answer(line["answer"]))

    def _answers(self) -> bool:
        try:
            # It has no GET; any answer shows that it runs.
            requests.get(self._url, timeout=PROBE_SECONDS)
        except requests.RequestException:
            return False
        return True

    @property
    def _url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @property
    def _file(self) -> Path:
        return self.folder / "messages.jsonl"
