import socket

import pytest

from ingest.local.ports import Ports, check_free, find_ports
from ingest.local.reporting import LaunchFailure


def test_the_documented_ports_are_the_default():
    assert find_ports({}) == Ports(ingest=8066, airflow=8090)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "api", "8 066"])
def test_invalid_port_is_named(text: str):
    with pytest.raises(LaunchFailure, match=f"AIRFLOW_PORT: '{text}'"):
        find_ports({"AIRFLOW_PORT": text})


def test_the_two_ports_must_differ():
    with pytest.raises(LaunchFailure, match="must differ"):
        find_ports({"INGEST_PORT": "8090"})


def test_a_port_in_use_is_named_with_its_setting():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(LaunchFailure, match=f"port {port}: .*; set INGEST_PORT"):
            check_free(Ports(ingest=port, airflow=port))
