"""The real server in a process of its own, and what it left on the disk and in the database."""

import os
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:1"
STALL_SECONDS = 0.5


@dataclass(frozen=True)
class Server:
    """The real server in a process of its own."""

    address: tuple[str, int]
    spool: Path
    database_url: str

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.spool.iterdir())

    def rows(self) -> dict[int, dict[str, Any]]:
        return job_rows(self.database_url)


def job_rows(database_url: str) -> dict[int, dict[str, Any]]:
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, kind, submitted_by, spool_name, size, triggered FROM job")
        names = ("id", "kind", "user", "spool_name", "size", "triggered")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    connection.close()
    return {row["id"]: row for row in rows}


def environment_of(spool: Path, database_url: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    return {
        **own,
        "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}",
        "VOLUME_PATH": str(spool),
        "ARCHIVEINTERFACE_URL": f"file://{spool.parent}/archive",
        "INGEST_DATABASE_URL": database_url,
        "INGEST_AIRFLOW_URL": NOWHERE,
        "INGEST_RECEIVE_TIMEOUT": str(STALL_SECONDS),
    }


def listening_port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError("the server ended before it listened")
