import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.api.live_server import environment_of, listening_port

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.server", *arguments],
        env={**environment_of(tmp_path, NO_DATABASE), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_the_documented_options(tmp_path: Path) -> None:
    result = run(tmp_path, "--help")
    assert result.returncode == 0
    for option in ("--cp-config", "-c FILE, --config", "-p PORT, --port", "-a ADDRESS, --address", "8066"):
        assert option in result.stdout


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run(tmp_path, "-p", str(port))
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"pacifica-ingest: cannot listen on 127.0.0.1 port {port}: [Errno 98] Address already in use"
    ]


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "http"])
def test_an_invalid_port_is_refused(tmp_path: Path, port: str) -> None:
    result = run(tmp_path, "-p", port)
    assert result.returncode == 2
    assert "a port is a number from 0 to 65535" in result.stderr


def test_an_invalid_address_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path, "-a", "no.such.host.invalid")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path, TRANSFER_SIZE="many")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "TRANSFER_SIZE" in result.stderr


def test_the_config_option_names_the_ini_file(tmp_path: Path) -> None:
    (tmp_path / "ingest.ini").write_text("[ingest]\nreceive_timeout = soon\n")
    result = run(tmp_path, "-c", "ingest.ini", INGEST_RECEIVE_TIMEOUT="")
    assert result.returncode == 2
    assert "[ingest] receive_timeout" in result.stderr


def test_a_config_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path, "-c", "missing.ini")
    assert result.returncode == 2
    assert "missing.ini" in result.stderr


@pytest.fixture
def port_in_use() -> Iterator[int]:
    """Yield a port that is in use: the error of a server that binds it names it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def cherrypy_file(path: Path, port: int, host: str = "127.0.0.1") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"[global]\nlog.screen: True\nserver.socket_host: '{host}'\nserver.socket_port: {port}\n[/]\ntools.gzip.on: True\n"
    )
    return path


def bind_error(port: int, host: str = "127.0.0.1") -> str:
    return f"pacifica-ingest: cannot listen on {host} port {port}: [Errno 98] Address already in use"


@pytest.mark.parametrize("way", ["option", "variable", "home folder"])
def test_the_cherrypy_file_sets_the_address_and_its_other_options_cause_one_warning(
    tmp_path: Path, port_in_use: int, way: str
) -> None:
    path = cherrypy_file(tmp_path / ".pacifica-ingest" / "cpconfig.ini", port_in_use)
    arguments = ["--cp-config", str(path)] if way == "option" else []
    environment = {"INGEST_CPCONFIG": str(path)} if way == "variable" else {}
    home = {"HOME": str(tmp_path if way == "home folder" else tmp_path / "empty")}
    result = run(tmp_path, *arguments, **environment, **home)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"pacifica-ingest: {path}: ignored, because this service does not use CherryPy: log.screen, tools.gzip.on",
        bind_error(port_in_use),
    ]


def test_the_options_win_over_the_cherrypy_file(tmp_path: Path, port_in_use: int) -> None:
    path = cherrypy_file(tmp_path / "cpconfig.ini", 1, "no.such.host.invalid")
    result = run(tmp_path, "--cp-config", str(path), "-a", "localhost", "-p", str(port_in_use))
    assert result.stderr.splitlines()[-1] == bind_error(port_in_use, "localhost")


def test_options_override_single_values_of_the_cherrypy_file(tmp_path: Path, port_in_use: int) -> None:
    path = cherrypy_file(tmp_path / "cpconfig.ini", port_in_use, "no.such.host.invalid")
    assert run(tmp_path, "--cp-config", str(path), "-a", "localhost").stderr.splitlines()[-1] == bind_error(
        port_in_use, "localhost"
    )


def test_a_cherrypy_file_in_the_home_folder_is_not_read_when_both_options_are_given(
    tmp_path: Path, port_in_use: int
) -> None:
    cherrypy_file(tmp_path / ".pacifica-ingest" / "cpconfig.ini", 1).write_text("nonsense")
    result = run(tmp_path, "-a", "127.0.0.1", "-p", str(port_in_use), HOME=str(tmp_path))
    assert result.stderr.splitlines() == [bind_error(port_in_use)]


def test_a_cherrypy_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path, "--cp-config", "missing.ini")
    assert result.returncode == 2
    assert result.stderr.splitlines() == ["pacifica-ingest: cannot read missing.ini: No such file or directory"]


def test_the_server_starts_without_a_database_and_stops_at_sigterm(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "api.server", "-p", "0"],
        env={**environment_of(tmp_path, NO_DATABASE), "HOME": str(tmp_path)},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{listening_port(process)}"
        assert requests.get(url, timeout=30).status_code == 200
        assert requests.get(f"{url}/get_state/1", timeout=30).status_code == 503
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback (most recent call last)" not in errors
    # Neither a control socket of gunicorn nor anything else.
    assert list(tmp_path.iterdir()) == []
