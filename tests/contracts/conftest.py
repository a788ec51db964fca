"""Fixtures of the services, which `make_services` makes from settings, in each implementation."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine

from ingest.services import Services, make_services
from ingest.services.metadata import Metadata
from ingest.settings.loading import load_settings
from tests.contracts.unprivileged_archive import share_with_archive, unprivileged_archive
from tests.services.archive_folders import marked_archive
from tools.pacifica_core.core import Core

BUILT_IN = "built in"
NOT_ROOT = "Pacifica, not as root"
PACIFICA = pytest.param("Pacifica", marks=pytest.mark.core)
UNPRIVILEGED = pytest.param(NOT_ROOT, marks=pytest.mark.core)
# Above every id that another test of the session may have cataloged, and below 2**31.
FIRST_ID = 1_000_000_000

Connect = Callable[[], Services]
NewIds = Callable[[int], range]


@pytest.fixture(params=[BUILT_IN, PACIFICA])
def form(request: pytest.FixtureRequest) -> str:
    """Return the name of an implementation."""
    return str(request.param)


@pytest.fixture
def environment(form: str, request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Return the variables that choose the implementation."""
    if form == BUILT_IN:
        return {"INGEST_DATABASE_URL": database_url, "ARCHIVEINTERFACE_URL": marked_archive(tmp_path / "an archive")}
    core: Core = request.getfixturevalue("core")
    own = {"ARCHIVEINTERFACE_URL": request.getfixturevalue("archive_url")} if form == NOT_ROOT else {}
    staging = {"INGEST_MOVE_STAGING": str(request.getfixturevalue("staging"))}
    return {"INGEST_DATABASE_URL": database_url, **core.settings(), **staging, **own}


@pytest.fixture
def staging() -> Iterator[Path]:
    """Yield a staging folder that ArchiveInterface can use, whichever account it runs as."""
    with TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        share_with_archive(folder)
        yield folder


@pytest.fixture(scope="package")
def archive_url() -> Iterator[str]:
    """Yield the URL of an ArchiveInterface that does not run as root."""
    with unprivileged_archive() as url:
        yield url


@pytest.fixture
def connect(environment: dict[str, str], database_engine: Engine) -> Iterator[Connect]:
    """Yield a factory of services, as a process makes them; closes them at the end."""
    settings = load_settings(environment)
    with ExitStack() as stack:

        def make() -> Services:
            services = make_services(settings, database_engine)
            stack.callback(services.close)
            return services

        yield make


@pytest.fixture
def metadata(connect: Connect) -> Metadata:
    return connect().metadata


@pytest.fixture(scope="session")
def new_ids() -> NewIds:
    """Return a factory of ids of transactions and files that no other test uses."""
    ids = count(FIRST_ID)

    def allocate(number: int) -> range:
        given = [next(ids) for _ in range(number)]
        return range(given[0], given[-1] + 1)

    return allocate


@pytest.fixture
def new_id(new_ids: NewIds) -> int:
    return new_ids(1)[0]
