"""Whether this API can receive uploads: checks the database, the spool and Airflow, each with its own time limit.

Used by `api.routes.health`. A result is kept for a second, and no check runs twice at a time, so that requests cannot
load the machine. The answer is public: it names no address and no user; the log does.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from tempfile import TemporaryFile
from typing import Any

from sqlalchemy import select

from api.openapi.schemas import Part, Readiness, SpoolPart
from api.probes.background_probe import BackgroundProbe
from ingest.ledger.database import make_probe, transaction
from ingest.ledger.models import Job
from ingest.ledger.spool_reservations import reserved_bytes
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import Obstacles
from ingest.settings.loading import Settings
from ingest.spool import free_bytes, translate_disk_errors

RESULT_LIFETIME_SECONDS = 1.0
# For each check. PostgreSQL's client does not support less.
CHECK_TIMEOUT_SECONDS = 2
# For all checks, which run simultaneously; a call that hangs in the kernel (lost network disk) has no other limit.
TOTAL_TIMEOUT_SECONDS = 3.0

DATABASE_UNAVAILABLE = "the database of jobs is unavailable or has no tables; see the log"
SPOOL_UNAVAILABLE = "the spool is not writable; see the log"
SPOOL_FULL = "the spool has no free space for uploads"
AIRFLOW_UNAVAILABLE = (
    "Airflow is unavailable or runs no jobs; uploads are received and run when it is available again; see the log"
)


class ReadinessCheck:
    """Checks the parts that the API needs; one object serves all threads of a process."""

    def __init__(self, settings: Settings, airflow: AirflowApi, current_obstacles: Callable[[], Obstacles]) -> None:
        """Prepare the checks; nothing connects yet. `current_obstacles` raises ServiceUnavailable."""
        self._settings = settings
        self._airflow = airflow
        self._current_obstacles = current_obstacles
        self._engine = make_probe(settings, CHECK_TIMEOUT_SECONDS)
        self._threads = ThreadPoolExecutor(thread_name_prefix="readiness")
        no_database, no_spool, no_airflow = (
            Part(ready=False, message=DATABASE_UNAVAILABLE),
            SpoolPart(ready=False, message=SPOOL_UNAVAILABLE),
            Part(ready=False, message=AIRFLOW_UNAVAILABLE),
        )
        self._database_probe = BackgroundProbe("the database", self._check_database, no_database)
        self._spool_probe = BackgroundProbe("the spool", self._check_spool, no_spool)
        self._reserved_probe = BackgroundProbe("the reservations of uploads", self._read_reserved_bytes, 0)
        self._airflow_probe = BackgroundProbe("Airflow", self._check_airflow, no_airflow)
        self._lock = threading.Lock()
        self._readiness: Readiness | None = None
        self._checked_at = 0.0

    def report(self) -> Readiness:
        """Return the state of each part, at most a second old. Takes up to 3 seconds."""
        with self._lock:
            if self._readiness is None or time.monotonic() - self._checked_at > RESULT_LIFETIME_SECONDS:
                self._readiness = self._check()
                self._checked_at = time.monotonic()
            return self._readiness

    def _check(self) -> Readiness:
        probes = (self._database_probe, self._spool_probe, self._reserved_probe, self._airflow_probe)
        running: list[Future[Any]] = [probe.start(self._threads) for probe in probes]
        wait(running, TOTAL_TIMEOUT_SECONDS)
        database, airflow = self._database_probe.result(), self._airflow_probe.result()
        spool = _less_reserved(self._spool_probe.result(), self._reserved_probe.result())
        # Airflow does not count: uploads are received while it is unavailable, and run afterwards.
        return Readiness(ready=database.ready and spool.ready, database=database, spool=spool, airflow=airflow)

    def _check_database(self) -> Part:
        with transaction(self._engine) as session:
            session.execute(select(Job.id).limit(1))
        return Part(ready=True)

    def _check_spool(self) -> SpoolPart:
        folder, kept = self._settings.volume_path, self._settings.spool_kept_free
        with translate_disk_errors(folder):
            free = free_bytes(folder)
            if free <= kept:
                return SpoolPart(ready=False, message=SPOOL_FULL, bytes_free=free, bytes_kept_free=kept)
            # A file without a name leaves nothing behind when this process dies.
            with TemporaryFile(dir=folder, buffering=0) as file:
                file.write(b"x")
        return SpoolPart(ready=True, bytes_free=free, bytes_kept_free=kept)

    def _read_reserved_bytes(self) -> int:
        with transaction(self._engine) as session, translate_disk_errors(self._settings.volume_path):
            return reserved_bytes(session, self._settings.volume_path)

    def _check_airflow(self) -> Part:
        self._airflow.check_health(CHECK_TIMEOUT_SECONDS)
        obstacles = self._current_obstacles().sentences
        return Part(ready=not obstacles, message="; ".join(obstacles))


def _less_reserved(spool: SpoolPart, reserved: int) -> SpoolPart:
    """Return the state of the spool, not ready when uploads in progress have reserved all of its free space."""
    if spool.bytes_free is None or spool.bytes_kept_free is None:
        return spool
    is_full = spool.bytes_free - reserved <= spool.bytes_kept_free
    changed: dict[str, object] = {"ready": False, "message": SPOOL_FULL} if spool.ready and is_full else {}
    return spool.model_copy(update={**changed, "bytes_promised": reserved})
