"""The CherryPy file: which options are used, and which values are refused."""

from pathlib import Path

import pytest

from api.cherrypy_file import Listening, find_file, read_file
from ingest.errors.types import ConfigurationError

# The example from the documentation of pacifica-ingest 0.4.1, verbatim.
DOCUMENTED = """\
[global]
log.screen: True
log.access_file: 'access.log'
log.error_file: 'error.log'
server.socket_host: '0.0.0.0'
server.socket_port: 8066
[/]
request.dispatch: cherrypy.dispatch.MethodDispatcher()
tools.response_headers.on: True
tools.response_headers.headers: [('Content-Type', 'application/json')]
"""


def read(tmp_path: Path, text: str) -> Listening:
    path = tmp_path / "cpconfig.ini"
    path.write_text(text)
    return read_file(path)


def test_the_documented_example_sets_the_address_and_all_else_is_ignored(tmp_path: Path) -> None:
    assert read(tmp_path, DOCUMENTED) == Listening(
        "0.0.0.0",
        8066,
        (
            "log.screen",
            "log.access_file",
            "log.error_file",
            "request.dispatch",
            "tools.response_headers.on",
            "tools.response_headers.headers",
        ),
    )


@pytest.mark.parametrize(
    "text", ["", "[global]\n", "[/]\nserver.socket_port: 1\n", "[global]\nServer.Socket_Port: 1\n"]
)
def test_a_file_without_an_address(tmp_path: Path, text: str) -> None:
    listening = read(tmp_path, text)
    assert (listening.address, listening.port) == (None, None)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("server.socket_port: '8066'", "server.socket_port must be a number"),
        ("server.socket_port: 65536", "server.socket_port must be a number"),
        ("server.socket_port: -1", "server.socket_port must be a number"),
        ("server.socket_port: True", "server.socket_port must be a number"),
        ("server.socket_port: 8066.0", "server.socket_port must be a number"),
        ("server.socket_port: int('8066')", "server.socket_port is not a Python literal"),
        ("server.socket_port: ", "server.socket_port is not a Python literal"),
        ("server.socket_host: 0.0.0.0", "server.socket_host is not a Python literal"),
        ("server.socket_host: ''", "server.socket_host must be an address"),
        ("server.socket_host: 1", "server.socket_host must be an address"),
        ("server.socket_host: '%(nothing)s'", "is not a CherryPy file"),
        ("nonsense", "is not a CherryPy file"),
    ],
)
def test_an_invalid_address_or_port_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read(tmp_path, f"[global]\n{text}\n")


def test_the_option_wins_over_the_variable_and_the_variable_over_the_home_folder(tmp_path: Path) -> None:
    in_home = tmp_path / ".pacifica-ingest" / "cpconfig.ini"
    in_home.parent.mkdir()
    in_home.touch()
    home = {"HOME": str(tmp_path)}
    assert find_file("a.ini", {**home, "INGEST_CPCONFIG": "b.ini"}) == Path("a.ini")
    assert find_file(None, {**home, "INGEST_CPCONFIG": "b.ini"}) == Path("b.ini")
    assert find_file(None, home) == in_home


def test_an_empty_variable_means_no_file(tmp_path: Path) -> None:
    (tmp_path / ".pacifica-ingest").mkdir()
    (tmp_path / ".pacifica-ingest" / "cpconfig.ini").touch()
    assert find_file(None, {"HOME": str(tmp_path), "INGEST_CPCONFIG": ""}) is None
    assert find_file("", {"HOME": str(tmp_path)}) is None
