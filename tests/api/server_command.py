"""The command `pacifica-ingest`, run in this process by cases that end before the server runs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from api.server import Server, main
from tests.api.live_server import environment_of

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


class Ended(NamedTuple):
    """The exit status of the command, and what it wrote."""

    status: int
    output: str
    errors: str


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command in a folder of its own, with arguments and environment variables."""
    monkeypatch.setattr(os, "environ", environment_of(tmp_path, NO_DATABASE))
    monkeypatch.chdir(tmp_path)
    # A server that is not refused would run until this process ends.
    monkeypatch.setattr(Server, "run", lambda _: pytest.fail("the server was not refused"))

    def run(*arguments: str, **variables: str) -> Ended:
        os.environ.update(variables)
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        return Ended(int(end.value.code or 0), *capsys.readouterr())

    return run


def cherrypy_file(path: Path, port: int, host: str = "127.0.0.1") -> Path:
    """Write a CherryPy file as pacifica-ingest 0.4.1 reads it."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"[global]\nlog.screen: True\nserver.socket_host: '{host}'\nserver.socket_port: {port}\n[/]\ntools.gzip.on: True\n"
    )
    return path
