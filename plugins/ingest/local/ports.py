"""The ports of an instance, `INGEST_PORT` and `AIRFLOW_PORT`. Called at launch, and for each program's command."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.local.reporting import LaunchFailure

HOST = "127.0.0.1"
HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Ports:
    """The ports that the API and Airflow's api-server listen on."""

    ingest: int
    airflow: int

    @property
    def ingest_url(self) -> str:
        """The address of the API."""
        return f"http://{HOST}:{self.ingest}"

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's api-server and its UI."""
        return f"http://{HOST}:{self.airflow}"


def find_ports(environment: Mapping[str, str]) -> Ports:
    """Read the ports from the environment; raises LaunchFailure for an invalid port, or for two equal ones."""
    ports = Ports(_port(environment, "INGEST_PORT", 8066), _port(environment, "AIRFLOW_PORT", 8090))
    if ports.ingest == ports.airflow:
        raise LaunchFailure(f"INGEST_PORT and AIRFLOW_PORT are both {ports.ingest}; they must differ")
    return ports


def check_free(ports: Ports) -> None:
    """Raise LaunchFailure when another process listens on one of the ports."""
    for variable, port in (("INGEST_PORT", ports.ingest), ("AIRFLOW_PORT", ports.airflow)):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError as error:
                raise LaunchFailure(f"cannot listen on port {port}: {error.strerror}; set {variable}") from error


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise LaunchFailure(f"{variable}: '{text}' is not a port from 1 to {HIGHEST_PORT}")
    return int(text)
