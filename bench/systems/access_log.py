"""Count the requests for runs of jobs in the access log of Airflow's api-server. Called by the row `get_state`."""

from pathlib import Path

from ingest.orchestrator.client import ALL_TASKS

JOB_PATHS = (b"path=/api/v2/dags/ingest/dagRuns/job-", f"path={ALL_TASKS}".encode())


class AccessLog:
    """The access log of a stack's api-server."""

    def __init__(self, home: Path) -> None:
        self._path = home / "logs" / "airflow-api-server.log"

    def size(self) -> int:
        """Return the size in bytes, which `job_requests` takes as the start."""
        return self._path.stat().st_size

    def job_requests(self, since: int) -> int:
        """Return the number of requests since the log had this size; raises RuntimeError if the log was rotated."""
        if self.size() < since:
            raise RuntimeError("supervisord rotated the access log during the measurement; run the row again")
        with self._path.open("rb") as file:
            file.seek(since)
            return sum(any(path in line for path in JOB_PATHS) for line in file)
