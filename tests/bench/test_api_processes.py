"""The process that serves a connection is found by the ports of both ends."""

import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from bench.systems import api_processes


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(end: socket.socket) -> int:
    return int(end.getsockname()[1])


def test_process_that_accepted_a_connection(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            found = api_processes.receiving(os.getpid(), port_of(server), port_of(client))
    assert found.pid == os.getpid()


def test_connection_that_no_process_has(server: socket.socket) -> None:
    with pytest.raises(LookupError, match="serves the connection from port 1"):
        api_processes.receiving(os.getpid(), port_of(server), 1)


def test_processes_that_listen_on_a_port(server: socket.socket) -> None:
    assert api_processes.serving(os.getpid(), port_of(server)) == [psutil.Process()]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert api_processes.serving(os.getpid(), port_of(unused)) == []


def test_cpu_time_of_several_processes_is_added() -> None:
    used = api_processes.cpu_seconds([psutil.Process()])
    assert 0 < used * 2 <= api_processes.cpu_seconds([psutil.Process()] * 2)
