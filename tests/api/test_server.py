"""The command `pacifica-ingest`: its options, refusals, start and stop."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.api.live_server import environment_of, listening_port
from tests.api.server_command import NO_DATABASE, Run, cherrypy_file


def test_help_names_the_documented_options(run: Run) -> None:
    result = run("--help")
    assert result.status == 0
    for option in ("--cp-config", "-c FILE, --config", "-p PORT, --port", "-a ADDRESS, --address", "8066"):
        assert option in result.output


def test_a_port_in_use_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run("-p", str(port))
    assert result.status == 1
    assert result.errors.splitlines() == [
        f"pacifica-ingest: cannot listen on 127.0.0.1 port {port}: [Errno 98] Address already in use"
    ]


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "http"])
def test_an_invalid_port_is_refused(run: Run, port: str) -> None:
    result = run("-p", port)
    assert result.status == 2
    assert "a port is a number from 0 to 65535" in result.errors


def test_an_invalid_address_is_one_line(run: Run) -> None:
    result = run("-a", "no.such.host.invalid")
    assert result.status == 1
    assert len(result.errors.splitlines()) == 1


def test_a_wrong_setting_ends_the_process_with_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "api.server"],
        env={**environment_of(tmp_path, NO_DATABASE), "TRANSFER_SIZE": "many"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "TRANSFER_SIZE" in ended.stderr


def test_the_config_option_names_the_ini_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ingest.ini").write_text("[ingest]\nreceive_timeout = soon\n")
    result = run("-c", "ingest.ini", INGEST_RECEIVE_TIMEOUT="")
    assert result.status == 2
    assert "[ingest] receive_timeout" in result.errors


def test_a_config_file_that_is_missing_is_one_line(run: Run) -> None:
    result = run("-c", "missing.ini")
    assert result.status == 2
    assert "missing.ini" in result.errors


@pytest.fixture
def port_in_use() -> Iterator[int]:
    """Yield a port that is in use: the error of a server that binds it names it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def bind_error(port: int, host: str = "127.0.0.1") -> str:
    return f"pacifica-ingest: cannot listen on {host} port {port}: [Errno 98] Address already in use"


@pytest.mark.parametrize("way", ["option", "variable", "home folder"])
def test_the_cherrypy_file_sets_the_address_and_its_other_options_cause_one_warning(
    run: Run, tmp_path: Path, port_in_use: int, way: str
) -> None:
    path = cherrypy_file(tmp_path / ".pacifica-ingest" / "cpconfig.ini", port_in_use)
    arguments = ["--cp-config", str(path)] if way == "option" else []
    environment = {"INGEST_CPCONFIG": str(path)} if way == "variable" else {}
    home = {"HOME": str(tmp_path if way == "home folder" else tmp_path / "empty")}
    result = run(*arguments, **environment, **home)
    assert result.status == 1
    assert result.errors.splitlines() == [
        f"pacifica-ingest: {path}: ignored, because this service does not use CherryPy: log.screen, tools.gzip.on",
        bind_error(port_in_use),
    ]


def test_the_options_win_over_the_cherrypy_file(run: Run, tmp_path: Path, port_in_use: int) -> None:
    path = cherrypy_file(tmp_path / "cpconfig.ini", 1, "no.such.host.invalid")
    result = run("--cp-config", str(path), "-a", "localhost", "-p", str(port_in_use))
    assert result.errors.splitlines()[-1] == bind_error(port_in_use, "localhost")


def test_options_override_single_values_of_the_cherrypy_file(run: Run, tmp_path: Path, port_in_use: int) -> None:
    path = cherrypy_file(tmp_path / "cpconfig.ini", port_in_use, "no.such.host.invalid")
    assert run("--cp-config", str(path), "-a", "localhost").errors.splitlines()[-1] == bind_error(
        port_in_use, "localhost"
    )


def test_a_cherrypy_file_in_the_home_folder_is_not_read_when_both_options_are_given(
    run: Run, tmp_path: Path, port_in_use: int
) -> None:
    cherrypy_file(tmp_path / ".pacifica-ingest" / "cpconfig.ini", 1).write_text("nonsense")
    result = run("-a", "127.0.0.1", "-p", str(port_in_use), HOME=str(tmp_path))
    assert result.errors.splitlines() == [bind_error(port_in_use)]


def test_a_cherrypy_file_that_is_missing_is_one_line(run: Run) -> None:
    result = run("--cp-config", "missing.ini")
    assert result.status == 2
    assert result.errors.splitlines() == ["pacifica-ingest: cannot read missing.ini: No such file or directory"]


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
