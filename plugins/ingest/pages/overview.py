"""What is above the list of jobs: open jobs, waits, recent failures, what was received, free space, health of services.

Made once in each process that shows it (`OverviewReader`).
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from ingest.ledger.overview import (
    MOST_COUNTED,
    FailureCause,
    OpenJobs,
    count_failures,
    count_open_jobs,
    read_received_hours,
)
from ingest.operations.recent_value import RecentValue
from ingest.operations.service_health import DiskSpace, Health, archive_space, health_checks, spool_space
from ingest.orchestrator.client import AirflowApi
from ingest.pages.plot import Plot, plot_hours
from ingest.settings.loading import Settings

# How old each part may be, in seconds: the more a part costs, the older.
COUNTS_LIFETIME, FAILURES_LIFETIME, HOURS_LIFETIME, CHECKS_LIFETIME = 2.0, 10.0, 60.0, 5.0
# How long the first page of a process waits for the counts.
FIRST_READ_SECONDS = 1.0
THREADS, CHECKING_THREADS = 3, 8


@dataclass(frozen=True)
class Overview:
    """The parts of the overview; a part is None until it is read, and while it cannot be read."""

    open_jobs: OpenJobs | None
    failures: list[FailureCause] | None
    plots: tuple[Plot, ...] | None
    spaces: Mapping[str, DiskSpace | None]
    health: Mapping[str, Health | None]
    most_counted: int = MOST_COUNTED


class OverviewReader:
    """Reads the parts in threads, while somebody looks at the pages; one object serves all requests of a process."""

    def __init__(self, settings: Settings, engine: Engine, airflow: AirflowApi) -> None:
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="overview")
        self._open_jobs = RecentValue(partial(count_open_jobs, engine), COUNTS_LIFETIME, threads)
        self._failures = RecentValue(partial(count_failures, engine), FAILURES_LIFETIME, threads)
        self._plots = RecentValue(lambda: plot_hours(read_received_hours(engine)), HOURS_LIFETIME, threads)
        spaces = {"Spool": spool_space, "Archive": archive_space}
        # Threads of their own: a check that hangs must not hold up the counts.
        checking = ThreadPoolExecutor(CHECKING_THREADS, thread_name_prefix="health")
        self._spaces = {
            name: RecentValue(partial(read, settings), CHECKS_LIFETIME, checking) for name, read in spaces.items()
        }
        self._health = {
            name: RecentValue(check, CHECKS_LIFETIME, checking)
            for name, check in health_checks(settings, engine, airflow).items()
        }

    def read(self) -> Overview:
        """Return the parts as they were last read."""
        spaces = {name: space.get() for name, space in self._spaces.items()}
        health = {name: check.get() for name, check in self._health.items()}
        return Overview(
            self._open_jobs.get(FIRST_READ_SECONDS),
            self._failures.get(FIRST_READ_SECONDS),
            self._plots.get(FIRST_READ_SECONDS),
            spaces,
            health,
        )
