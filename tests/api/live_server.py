"""The real server in its own process, and its files on the disk and rows in the database."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class

from tests.api.server_process import LISTENING, ROOT, server_process
from tools.waiting import wait_until

NOWHERE = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Server:
    """The real server in its own process, whose id is `process`."""

    address: tuple[str, int]
    spool: Path
    database_url: str
    process: int

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30)

    def workers(self) -> list[int]:
        """Return the worker processes."""
        return [int(child) for child in Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()]

    def uploads(self) -> int:
        """Return the number of uploads in the database, in progress or left over."""
        return int(query(self._connection, "SELECT count(*) FROM upload")[0][0])

    def forget_uploads(self) -> None:
        """Remove the uploads of killed processes, as retention does an hour later."""
        for path in self.spool.iterdir():
            path.unlink()
        query(self._connection, "DELETE FROM upload RETURNING 1")

    def files(self) -> list[str]:
        return sorted(path.name for path in self.spool.iterdir())

    @contextmanager
    def leaves_nothing(self) -> Iterator[None]:
        """Check that the `with` block leaves no file in the spool, no upload and no job."""
        files, uploads, jobs = self.files(), self.uploads(), set(self.rows())
        yield
        wait_until(lambda: (self.files(), self.uploads()) == (files, uploads), 30, lambda: str(self.files()))
        assert set(self.rows()) == jobs

    def rows(self) -> dict[int, dict[str, Any]]:
        names = ("id", "kind", "user", "spool_name", "size", "triggered")
        found = query(self._connection, "SELECT id, kind, submitted_by, spool_name, size, triggered FROM job")
        return {row[0]: dict(zip(names, row, strict=True)) for row in found}

    @cached_property
    def _connection(self) -> Connection:
        # Kept open, because PostgreSQL starts a process for each connection, and most tests query several times.
        connection = psycopg2.connect(self.database_url)
        connection.autocommit = True
        return connection


@contextmanager
def serving(spool: Path, database_url: str, **environment: object) -> Iterator[Server]:
    """Run a server on a free port, with its own settings and Airflow unavailable."""
    variables = {**environment_of(spool, database_url), **{name: str(value) for name, value in environment.items()}}
    with server_process(spool.parent, variables) as process:
        yield Server(("127.0.0.1", process.port), spool, database_url, process.id)


@contextmanager
def serving_alone(folder: Path, database_url: str, **environment: object) -> Iterator[Server]:
    """Run a server with its own spool in a folder, without the uploads of other tests in the database."""
    spool = folder / "spool"
    spool.mkdir()
    with serving(spool, database_url, **environment) as server:
        server.forget_uploads()
        yield server


def execute(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(database_url)
    try:
        with connection:
            return query(connection, statement)
    finally:
        connection.close()


def query(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def environment_of(spool: Path, database_url: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    return {
        **own,
        "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}",
        "VOLUME_PATH": str(spool),
        "ARCHIVEINTERFACE_URL": f"file://{spool.parent}/archive",
        "INGEST_DATABASE_URL": database_url,
        "INGEST_AIRFLOW_URL": NOWHERE,
    }


def listening_port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := LISTENING.search(line):
            return int(found[1])
    raise AssertionError("the server ended before it listened")
