"""Finds out whether a service answers, without changing anything there.

Called by housekeeping for the services that jobs wait for.
"""

from ingest.errors.types import ServiceUnavailable
from ingest.services import ARCHIVE, Services
from ingest.settings.loading import Settings

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
# The id of no file: Pacifica's UniqueID and the built-in sequence start at 1.
NO_FILE = 0
DATABASE = "database"


def with_short_timeouts(settings: Settings) -> Settings:
    """Return the settings for services that are only checked."""
    timeouts = {"service_connect_timeout": CONNECT_SECONDS, "service_read_timeout": READ_SECONDS}
    return settings.model_copy(update=timeouts)


def answers(services: Services, name: str) -> bool | None:
    """Return whether the service with a name answers; None if it cannot be checked.

    The database answers, because the caller has just read there which jobs wait.
    """
    if name == DATABASE:
        return True
    for client in services.clients:
        if client.service == name:
            return client.answers()
    return _archive_answers(services) if name == ARCHIVE else None


def _archive_answers(services: Services) -> bool:
    try:
        services.archive.holds(NO_FILE)
    except ServiceUnavailable:
        return False
    return True
