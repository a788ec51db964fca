"""The services as `make_services` makes them from settings, of each form in turn."""

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
from tools.pacifica_core.core import Core

BUILT_IN = "built in"
NOT_ROOT = "Pacifica, not as root"
PACIFICA = pytest.param("Pacifica", marks=pytest.mark.core)
UNPRIVILEGED = pytest.param(NOT_ROOT, marks=pytest.mark.core)
# Above every id that another test of the session may have catalogued, and below what 32 bits hold.
FIRST_ID = 1_000_000_000

Connect = Callable[[], Services]
NewIds = Callable[[int], range]


@pytest.fixture(params=[BUILT_IN, PACIFICA])
def form(request: pytest.FixtureRequest) -> str:
    """Which form of the services a test is about."""
    return str(request.param)


@pytest.fixture
def environment(form: str, request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables that choose that form."""
    if form == BUILT_IN:
        return {"INGEST_DATABASE_URL": database_url, "ARCHIVEINTERFACE_URL": (tmp_path / "an archive").as_uri()}
    core: Core = request.getfixturevalue("core")
    own = {"ARCHIVEINTERFACE_URL": request.getfixturevalue("archive_url")} if form == NOT_ROOT else {}
    staging = {"INGEST_MOVE_STAGING": str(request.getfixturevalue("staging"))}
    return {"INGEST_DATABASE_URL": database_url, **core.settings(), **staging, **own}


@pytest.fixture
def staging() -> Iterator[Path]:
    """A folder in which files are handed over to ArchiveInterface, whichever account it runs as."""
    with TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        share_with_archive(folder)
        yield folder


@pytest.fixture(scope="package")
def archive_url() -> Iterator[str]:
    """An ArchiveInterface that does not run as root."""
    with unprivileged_archive() as url:
        yield url


@pytest.fixture
def connect(environment: dict[str, str], database_engine: Engine) -> Iterator[Connect]:
    """Make services as a process of its own does; closed at the end."""
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
    """Ids of transactions and files that no other test uses."""
    ids = count(FIRST_ID)

    def give(number: int) -> range:
        given = [next(ids) for _ in range(number)]
        return range(given[0], given[-1] + 1)

    return give


@pytest.fixture
def new_id(new_ids: NewIds) -> int:
    return new_ids(1)[0]
