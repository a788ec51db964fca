"""Keep for some seconds what prevents Airflow from running jobs, and refresh it in the background.

Used by `api.routes.state` for jobs that wait, and by `api.probes.readiness`. No poll waits for Airflow.
"""

import logging
import threading
import time
from collections.abc import Callable

from ingest.errors.types import ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import Obstacles, find_obstacles

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
# Older than this, nothing is said of obstacles: nobody polled, or Airflow does not answer.
KNOWN_SECONDS = 20.0
# The limit of each request to Airflow.
WAIT_SECONDS = 2.0


class RecentObstacles:
    """The obstacles that Airflow showed last; one object serves all threads of a process."""

    def __init__(self, airflow: AirflowApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._airflow = airflow
        self._clock = clock
        self._lock = threading.Lock()
        self._found = Obstacles()
        self._found_at: float | None = None
        self._requested: float | None = None
        self._refresher: threading.Thread | None = None

    def last_known(self) -> Obstacles:
        """Return the obstacles as they were some seconds ago, none while nothing is known. Never waits."""
        with self._lock:
            now = self._clock()
            is_due = self._requested is None or now - self._requested >= REFRESH_SECONDS
            if is_due and not (self._refresher and self._refresher.is_alive()):
                self._requested = now
                # A process that ends does not wait for what Airflow answers.
                self._refresher = threading.Thread(target=self._refresh, name="obstacles", daemon=True)
                self._refresher.start()
            is_known = self._found_at is not None and now - self._found_at < KNOWN_SECONDS
            return self._found if is_known else Obstacles()

    def current(self) -> Obstacles:
        """Return the obstacles as they were some seconds ago, and wait for them if nothing is known.

        Raises ServiceUnavailable.
        """
        with self._lock:
            if self._found_at is not None and self._clock() - self._found_at < REFRESH_SECONDS:
                return self._found
        return self._request()

    def _request(self) -> Obstacles:
        requested = self._clock()
        found = find_obstacles(self._airflow, WAIT_SECONDS)
        with self._lock:
            if found != self._found:
                logger.warning("what jobs need in Airflow: %s", "; ".join(found.sentences) or "all is there again")
            self._found, self._found_at = found, requested
        return found

    def _refresh(self) -> None:
        try:
            self._request()
        except ServiceUnavailable as error:
            logger.warning("what jobs need in Airflow is unknown: %s", error.text)
        except Exception:
            logger.exception("what jobs need in Airflow cannot be read")
