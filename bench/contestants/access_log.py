"""How often Airflow's api-server was asked for the runs of jobs, by its own access log. Called by the row `get_state`."""

from pathlib import Path

from ingest.orchestrator.client import ALL_TASKS

OF_JOBS = (b"path=/api/v2/dags/ingest/dagRuns/job-", f"path={ALL_TASKS}".encode())


class AccessLog:
    """The log of a stack's api-server."""

    def __init__(self, home: Path) -> None:
        self._path = home / "logs" / "airflow-api-server.log"

    def size(self) -> int:
        """Its length in bytes, to be given back later."""
        return self._path.stat().st_size

    def requests_of_jobs(self, since: int) -> int:
        """The number of requests since then; raises RuntimeError when another log was begun in between."""
        if self.size() < since:
            raise RuntimeError("supervisord has begun another log meanwhile; measure again")
        with self._path.open("rb") as file:
            file.seek(since)
            return sum(any(path in line for path in OF_JOBS) for line in file)
