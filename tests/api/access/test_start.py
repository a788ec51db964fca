"""Settings that `pacifica-ingest` refuses at start, because they would admit everyone or no one."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.server import main
from tests.api.live_server import environment_of
from tests.api.test_server import NO_DATABASE, cherrypy_file

OPEN_DOOR = "accepts connections from other machines, but authentication is off"


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Start it with arguments and settings; return its exit status and its output."""
    monkeypatch.setattr(os, "environ", environment_of(tmp_path, NO_DATABASE))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **settings: str) -> tuple[int, str]:
        os.environ.update(settings)
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        return int(end.value.code or 0), capsys.readouterr().err

    return run


@pytest.fixture
def port_in_use() -> Iterator[int]:
    """Yield a port that is in use on all addresses: a server that is permitted to bind it fails with EADDRINUSE."""
    with socket.create_server(("", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_without_authentication_only_loopback_addresses_can_be_listened_on(run: Run, address: str):
    status, output = run("-a", address, "-p", "0")
    assert status == 2
    (line,) = output.splitlines()
    assert line.startswith(f"pacifica-ingest: {address} {OPEN_DOOR}: set INGEST_AUTHENTICATION to proxy or token")


def test_host_of_the_cherrypy_file_is_restricted_too(run: Run, tmp_path: Path):
    path = cherrypy_file(tmp_path / "cpconfig.ini", 0, "0.0.0.0")
    status, output = run("--cp-config", str(path))
    assert status == 2
    assert OPEN_DOOR in output


@pytest.mark.parametrize(
    "settings",
    [
        {"INGEST_AUTHENTICATION": "open"},
        {"INGEST_AUTHENTICATION": "proxy"},
        {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "not-there-yet.json"},
    ],
)
def test_with_authentication_or_open_it_may_listen_anywhere(run: Run, port_in_use: int, settings: dict[str, str]):
    status, output = run("-a", "0.0.0.0", "-p", str(port_in_use), **settings)
    assert status == 1
    assert "Address already in use" in output


def test_malformed_token_file_is_refused_in_one_line(run: Run, tmp_path: Path):
    (tmp_path / "tokens").write_text("geheim")
    assert run(INGEST_AUTHENTICATION="token", INGEST_TOKEN_FILE="tokens") == (
        2,
        "pacifica-ingest: the token file tokens was not written by `pacifica-ingest-cmd token`; restore it or remove it\n",
    )
