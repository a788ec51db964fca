"""A running stack and what grows in it: the sizes of its databases and logs, and the speed of Airflow's pages.

Used by the rows `growth` and `open_pages`.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from sqlalchemy import Engine, text

from tools.stack import Stack

REQUESTS = 10
TIMEOUT_SECONDS = 60
MEGABYTE, BLOCK = 10**6, 512
# What Airflow's pages load first: its home page, the list of runs, and the grid of the DAG `ingest`.
PAGES = {
    "Airflow's home page": "/ui/dashboard/historical_metrics_data?start_date={yesterday}",
    "Airflow's list of DAGs": "/ui/dags?limit=50",
    "Airflow's list of runs": "/api/v2/dags/~/dagRuns?limit=50&order_by=-run_after",
    "the grid of `ingest`": "/ui/grid/runs/ingest?limit=25&order_by=-run_after",
}


@dataclass(frozen=True)
class Installation:
    """A running stack and its two databases."""

    stack: Stack
    airflow: Engine
    ledger: Engine

    @property
    def logs(self) -> Path:
        """The logs of Airflow's tasks."""
        return self.stack.home / "airflow/logs"


def open_session(stack: Stack) -> requests.Session:
    """Return a session that is logged in to Airflow as an admin."""
    login = {"username": "admin", "password": stack.password("admin")}
    token = requests.post(f"{stack.airflow}/auth/token", json=login, timeout=TIMEOUT_SECONDS).json()["access_token"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def page_milliseconds(stack: Stack) -> dict[str, list[float]]:
    """Return the times of the first request of Airflow's pages, as an admin; the first answer is not counted."""
    session, yesterday = open_session(stack), f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

    def milliseconds(path: str) -> float:
        begun = time.perf_counter()
        answer = session.get(stack.airflow + path.format(yesterday=yesterday), timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return (time.perf_counter() - begun) * 1000

    return {what: [milliseconds(path) for _ in range(REQUESTS + 1)][1:] for what, path in PAGES.items()}


def sizes(installation: Installation) -> dict[str, float]:
    """Return the sizes of both databases and of the logs in MB."""
    folders = {"logs of tasks": installation.logs, "logs of programs": installation.stack.home / "logs"}
    engines = {"Airflow's database": installation.airflow, "the ledger": installation.ledger}
    return {
        **{what: _database_size(engine) / MEGABYTE for what, engine in engines.items()},
        **{what: _folder_size(folder) / MEGABYTE for what, folder in folders.items()},
    }


def _database_size(engine: Engine) -> float:
    with engine.connect() as connection:
        return float(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _folder_size(folder: Path) -> float:
    """Return the bytes that a folder takes on the disk."""
    return sum(path.lstat().st_blocks * BLOCK for path in (folder, *folder.rglob("*")))
