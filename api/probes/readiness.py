"""Whether this API can take uploads now: the database, the spool, and Airflow, each asked with a time-out of its own.

Used by `api.routes.health`. What is found is kept for a second, and no part is asked again while it has not answered,
so that nobody can load the machine by asking. The answer is public: it names no address and no user. The log does.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from tempfile import TemporaryFile
from typing import Any

from sqlalchemy import select

from api.openapi.schemas import Part, Readiness, SpoolPart
from api.polling.recent_obstacles import RecentObstacles
from api.probes.background_probe import BackgroundProbe
from ingest.ledger.database import make_probe, transaction
from ingest.ledger.models import Job
from ingest.ledger.spool_reservations import reserved_bytes
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.spool import free_bytes, translate_disk_errors

KEPT_SECONDS = 1.0
# For each question; less is not possible with PostgreSQL's client.
QUESTION_SECONDS = 2
# For all of them, which are asked beside each other. What hangs in the kernel, as a lost network disk does, has no time-out.
WAIT_SECONDS = 3.0

DATABASE_AWAY = "the database of jobs does not answer, or has no tables; the log says more"
SPOOL_AWAY = "the spool cannot be written; the log says more"
SPOOL_FULL = "the spool has no room for uploads"
AIRFLOW_AWAY = "Airflow does not answer, or runs nothing; uploads are taken, and run when it is back; the log says more"


class ReadinessCheck:
    """Asks what the API needs; one object serves all threads of a process."""

    def __init__(self, settings: Settings, airflow: AirflowApi, obstacles: RecentObstacles) -> None:
        """Connects to nothing."""
        self._settings = settings
        self._airflow = airflow
        self._obstacles = obstacles
        self._engine = make_probe(settings, QUESTION_SECONDS)
        self._threads = ThreadPoolExecutor(thread_name_prefix="readiness")
        self._database = BackgroundProbe("the database", self._ask_database, Part(ready=False, message=DATABASE_AWAY))
        self._spool = BackgroundProbe("the spool", self._ask_spool, SpoolPart(ready=False, message=SPOOL_AWAY))
        self._promised = BackgroundProbe("the reservations of uploads", self._ask_promised, 0)
        self._airflow_answers = BackgroundProbe("Airflow", self._ask_airflow, Part(ready=False, message=AIRFLOW_AWAY))
        self._lock = threading.Lock()
        self._found: Readiness | None = None
        self._found_at = 0.0

    def report(self) -> Readiness:
        """Give the state of each part, as it was a second ago at the most; takes up to 3 seconds."""
        with self._lock:
            if self._found is None or time.monotonic() - self._found_at > KEPT_SECONDS:
                self._found = self._ask()
                self._found_at = time.monotonic()
            return self._found

    def _ask(self) -> Readiness:
        asked: list[Future[Any]] = [
            each.ask(self._threads) for each in (self._database, self._spool, self._promised, self._airflow_answers)
        ]
        wait(asked, WAIT_SECONDS)
        database, airflow = self._database.answer(), self._airflow_answers.answer()
        spool = _less_promised(self._spool.answer(), self._promised.answer())
        # Not by Airflow: uploads are taken while it is away, and run when it is back.
        return Readiness(ready=database.ready and spool.ready, database=database, spool=spool, airflow=airflow)

    def _ask_database(self) -> Part:
        with transaction(self._engine) as session:
            session.execute(select(Job.id).limit(1))
        return Part(ready=True)

    def _ask_spool(self) -> SpoolPart:
        folder, kept = self._settings.volume_path, self._settings.spool_kept_free
        with translate_disk_errors(folder):
            free = free_bytes(folder)
            if free <= kept:
                return SpoolPart(ready=False, message=SPOOL_FULL, bytes_free=free, bytes_kept_free=kept)
            # A file without a name, so that nothing stays of it when this process dies.
            with TemporaryFile(dir=folder, buffering=0) as file:
                file.write(b"x")
        return SpoolPart(ready=True, bytes_free=free, bytes_kept_free=kept)

    def _ask_promised(self) -> int:
        with transaction(self._engine) as session, translate_disk_errors(self._settings.volume_path):
            return reserved_bytes(session, self._settings.volume_path)

    def _ask_airflow(self) -> Part:
        self._airflow.check_health(QUESTION_SECONDS)
        found = self._obstacles.current().sentences
        return Part(ready=not found, message="; ".join(found))


def _less_promised(spool: SpoolPart, promised_bytes: int) -> SpoolPart:
    """Return the state of the spool, not ready when uploads under way have reserved all of its free space."""
    if spool.bytes_free is None or spool.bytes_kept_free is None:
        return spool
    is_full = spool.bytes_free - promised_bytes <= spool.bytes_kept_free
    changed: dict[str, object] = {"ready": False, "message": SPOOL_FULL} if spool.ready and is_full else {}
    return spool.model_copy(update={**changed, "bytes_promised": promised_bytes})
