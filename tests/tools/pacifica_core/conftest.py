from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from ingest.services import Services, make_services
from ingest.services.metadata import Metadata
from ingest.settings.loading import load_settings
from tools.pacifica_core.core import Core

# The tests that run before these on the same services have cataloged files with the ids that UniqueID gave them.
BEYOND_OTHERS = 50_000_000


@pytest.fixture
def services(core: Core, database_engine: Engine) -> Iterator[Services]:
    services = make_services(load_settings(core.settings()), database_engine)
    with closing(services):
        yield services


@pytest.fixture
def metadata(services: Services) -> Metadata:
    return services.metadata


@pytest.fixture
def transaction_id(services: Services) -> int:
    """Return an unused id of a file and of a transaction, because tests use it for both."""
    return BEYOND_OTHERS + services.uniqueid.allocate("upload_job", 1)[0]
