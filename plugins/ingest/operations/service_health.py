"""The health of everything that jobs need: the Pacifica services, the database, Airflow, and the free space of disks.

Called by the overview of the pages. Each check may take seconds, or hang with a network disk, so it runs in a thread, never
in a request (`ingest.operations.recent_value`).
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select

from ingest.errors.types import IngestError, ServiceUnavailable
from ingest.ledger.database import make_probe, transaction
from ingest.ledger.models import Job
from ingest.orchestrator.client import AirflowApi
from ingest.services import ARCHIVE, make_services
from ingest.services.availability import answers, with_short_timeouts
from ingest.settings.loading import Settings
from ingest.settings.types import folder_of

TIMEOUT_SECONDS = 5
SERVICES = {"uniqueid": "UniqueID", "policy": "Policy", ARCHIVE: "ArchiveInterface", "metadata": "Metadata"}


@dataclass(frozen=True)
class Health:
    """The result of a check: `is_available` is None for a built-in service, which is a part of this one."""

    is_available: bool | None
    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class DiskSpace:
    """The space of a disk in bytes; `kept_free` is not available to uploads."""

    free: int
    total: int
    kept_free: int = 0


def health_checks(settings: Settings, engine: Engine, airflow: AirflowApi) -> Mapping[str, Callable[[], Health]]:
    """Return the checks by the names that people know; nothing connects before a check is called."""
    services = make_services(with_short_timeouts(settings), engine)
    probe = make_probe(settings, TIMEOUT_SECONDS)

    def check_database() -> bool:
        with transaction(probe) as session:
            session.execute(select(Job.id).limit(1))
        return True

    def check_airflow() -> bool:
        airflow.check_health(TIMEOUT_SECONDS)
        return True

    def check_service(name: str) -> Callable[[], bool | None]:
        return lambda: answers(services, name)

    checks: dict[str, Callable[[], bool | None]] = {shown: check_service(name) for name, shown in SERVICES.items()}
    checks |= {"Database": check_database, "Airflow": check_airflow}
    return {name: _measured(check) for name, check in checks.items()}


def spool_space(settings: Settings) -> DiskSpace | None:
    """Return the space of the spool's disk; None if this machine does not have it."""
    return _space(settings.volume_path, settings.spool_kept_free)


def archive_space(settings: Settings) -> DiskSpace | None:
    """Return the space of the archive's disk; None if the archive is a service, which does not report it."""
    folder = folder_of(settings.archiveinterface_url)
    return None if folder is None else _space(folder)


def _space(folder: Path, kept_free: int = 0) -> DiskSpace | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskSpace(usage.free, usage.total, kept_free)


def _measured(check: Callable[[], bool | None]) -> Callable[[], Health]:
    def measure() -> Health:
        begin = time.monotonic()
        try:
            is_available, failure = check(), ""
        except ServiceUnavailable as error:
            is_available, failure = False, error.reason
        except IngestError as error:
            is_available, failure = False, error.text
        return Health(is_available, time.monotonic() - begin, failure)

    return measure
