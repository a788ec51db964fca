"""Settings that `pacifica-ingest` refuses at start, because they would admit everyone or no one."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.server_command import Run, cherrypy_file

OPEN_DOOR = "accepts connections from other machines, but authentication is off"


@pytest.fixture
def port_in_use() -> Iterator[int]:
    """Yield a port that is in use on all addresses: a server that is permitted to bind it fails with EADDRINUSE."""
    with socket.create_server(("", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_without_authentication_only_loopback_addresses_can_be_listened_on(run: Run, address: str):
    status, _, errors = run("-a", address, "-p", "0")
    assert status == 2
    (line,) = errors.splitlines()
    assert line.startswith(f"pacifica-ingest: {address} {OPEN_DOOR}: set INGEST_AUTHENTICATION to proxy or token")


def test_host_of_the_cherrypy_file_is_restricted_too(run: Run, tmp_path: Path):
    path = cherrypy_file(tmp_path / "cpconfig.ini", 0, "0.0.0.0")
    status, _, errors = run("--cp-config", str(path))
    assert status == 2
    assert OPEN_DOOR in errors


@pytest.mark.parametrize(
    "settings",
    [
        {"INGEST_AUTHENTICATION": "open"},
        {"INGEST_AUTHENTICATION": "proxy"},
        {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "not-there-yet.json"},
    ],
)
def test_with_authentication_or_open_it_may_listen_anywhere(run: Run, port_in_use: int, settings: dict[str, str]):
    status, _, errors = run("-a", "0.0.0.0", "-p", str(port_in_use), **settings)
    assert status == 1
    assert "Address already in use" in errors


def test_malformed_token_file_is_refused_in_one_line(run: Run, tmp_path: Path):
    (tmp_path / "tokens").write_text("geheim")
    assert run(INGEST_AUTHENTICATION="token", INGEST_TOKEN_FILE="tokens") == (
        2,
        "",
        "pacifica-ingest: the token file tokens was not written by `pacifica-ingest-cmd token`; restore it or remove it\n",
    )
