"""The processes of this service's API: the one that serves a connection, and the CPU time of all.

Called by `rows.resumable`.
"""

from collections.abc import Iterable
from contextlib import suppress

import psutil

from bench.systems.freezing import tree


def serving(root: int, port: int) -> list[psutil.Process]:
    """Return the descendants of a process that listen on a port."""
    return [process for process in tree(root) if _listens(process, port)]


def _listens(process: psutil.Process, port: int) -> bool:
    # Tasks of Airflow end at any time.
    with suppress(psutil.NoSuchProcess):
        connections = process.net_connections("tcp")
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)
    return False


def receiving(root: int, port: int, client_port: int) -> psutil.Process:
    """Return the process that has accepted the connection of a client; raises LookupError if there is none."""
    for process in serving(root, port):
        for each in process.net_connections("tcp"):
            if each.raddr and (each.laddr.port, each.raddr.port) == (port, client_port):
                return process
    raise LookupError(f"no process at port {port} serves the connection from port {client_port}")


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU time that processes have used until now, in seconds."""
    times = [process.cpu_times() for process in processes]
    return float(sum(each.user + each.system for each in times))
