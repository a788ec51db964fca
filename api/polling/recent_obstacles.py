"""Cache what prevents Airflow from running jobs, and refresh it in the background.

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
# Older obstacles are not reported: no client polled, or Airflow is unavailable.
KNOWN_SECONDS = 20.0
# For each request to Airflow.
REQUEST_TIMEOUT_SECONDS = 2.0


class RecentObstacles:
    """The obstacles that Airflow reported last; one object serves all threads of a process."""

    def __init__(self, airflow: AirflowApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._airflow = airflow
        self._clock = clock
        self._lock = threading.Lock()
        self._found = Obstacles()
        self._found_at: float | None = None
        self._requested: float | None = None
        self._refresher: threading.Thread | None = None

    def last_known(self) -> Obstacles:
        """Return the obstacles as of some seconds ago, or none if they are unknown. Never waits."""
        with self._lock:
            now = self._clock()
            is_due = self._requested is None or now - self._requested >= REFRESH_SECONDS
            if is_due and not (self._refresher and self._refresher.is_alive()):
                self._requested = now
                # A daemon thread, so that a process can end without waiting for Airflow.
                self._refresher = threading.Thread(target=self._refresh, name="obstacles", daemon=True)
                self._refresher.start()
            is_known = self._found_at is not None and now - self._found_at < KNOWN_SECONDS
            return self._found if is_known else Obstacles()

    def current(self) -> Obstacles:
        """Return the obstacles as of some seconds ago; request them if they are older. Raises ServiceUnavailable."""
        with self._lock:
            if self._found_at is not None and self._clock() - self._found_at < REFRESH_SECONDS:
                return self._found
        return self._request()

    def _request(self) -> Obstacles:
        requested = self._clock()
        found = find_obstacles(self._airflow, REQUEST_TIMEOUT_SECONDS)
        with self._lock:
            if found != self._found:
                logger.warning("obstacles in Airflow: %s", "; ".join(found.sentences) or "none any more")
            self._found, self._found_at = found, requested
        return found

    def _refresh(self) -> None:
        try:
            self._request()
        except ServiceUnavailable as error:
            logger.warning("obstacles in Airflow are unknown: %s", error.text)
        except Exception:
            logger.exception("cannot read the obstacles in Airflow")
