"""What `pacifica-ingest` refuses at its start, because it would leave the door open, or nobody could come in."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.test_server import cherrypy_file, run

OPEN_DOOR = "is open to other machines, but nobody has to prove who they are"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is in use everywhere: a server that may listen there says so and ends."""
    with socket.create_server(("", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_without_authentication_only_this_machine_is_listened_to(tmp_path: Path, address: str):
    result = run(tmp_path, "-a", address, "-p", "0")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"pacifica-ingest: {address} {OPEN_DOOR}: set INGEST_AUTHENTICATION to proxy or token")


def test_host_of_the_cherrypy_file_is_held_to_that_too(tmp_path: Path):
    path = cherrypy_file(tmp_path / "cpconfig.ini", 0, "0.0.0.0")
    result = run(tmp_path, "--cp-config", str(path))
    assert result.returncode == 2
    assert OPEN_DOOR in result.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"INGEST_AUTHENTICATION": "open"},
        {"INGEST_AUTHENTICATION": "proxy"},
        {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "not-there-yet.json"},
    ],
)
def test_with_authentication_or_when_it_is_said_so_it_may_listen_anywhere(
    tmp_path: Path, taken: int, settings: dict[str, str]
):
    result = run(tmp_path, "-a", "0.0.0.0", "-p", str(taken), **settings)
    assert result.returncode == 1
    assert "Address already in use" in result.stderr


def test_token_file_that_is_none_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "tokens").write_text("geheim")
    result = run(tmp_path, INGEST_AUTHENTICATION="token", INGEST_TOKEN_FILE="tokens")
    assert result.returncode == 2
    assert result.stderr == ("pacifica-ingest: the token file tokens is not what `pacifica-ingest-cmd token` writes\n")
