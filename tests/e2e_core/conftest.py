"""The real stack in front of the real Pacifica services, started once for all tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from sqlalchemy import Engine

from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Proxy, proxy_to
from tools.pacifica_core.services import METADATA, SERVICES, settings_of
from tools.stack import Stack, ledger_of, start_stack, stop_stack

# A service that is away is given up after some twenty seconds here: long enough for one to be started on a busy machine.
# A service that is silent is given up after ten. Why the delay is no shorter: see tests/e2e/conftest.py.
SETTINGS = {
    "INGEST_RETRIES": "4",
    "INGEST_RETRY_DELAY": "5",
    "INGEST_MAX_RETRY_DELAY": "5",
    "INGEST_SERVICE_READ_TIMEOUT": "10",
}


@pytest.fixture(scope="package")
def proxies(core: Core) -> Iterator[dict[str, Proxy]]:
    """A proxy in front of each service, which passes everything on until a test asks for a fault."""
    with ExitStack() as running:
        yield {name: running.enter_context(proxy_to(core.url(name))) for name in SERVICES}


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    """The points at which processes of the stack can be held."""
    return Points(tmp_path_factory.mktemp("failpoints"))


@pytest.fixture(scope="package")
def stack(
    core: Core, proxies: dict[str, Proxy], points: Points, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The stack, pointed at the core (through the proxies) by settings alone."""
    settings = {**settings_of({name: proxy.url for name, proxy in proxies.items()}), VARIABLE: str(points.folder)}
    process, stack = start_stack(tmp_path_factory.mktemp("stack"), {**SETTINGS, **settings})
    try:
        yield stack
    finally:
        stop_stack(process)


@pytest.fixture(scope="package")
def ledger(stack: Stack) -> Iterator[Engine]:
    """The stack's database of jobs."""
    with ledger_of(stack) as engine:
        yield engine


Away = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def away(core: Core, proxies: dict[str, Proxy]) -> Away:
    """Take a service away for a while: its process ends, and connections are refused."""

    @contextmanager
    def away(name: str) -> Iterator[None]:
        with ExitStack() as ended:
            if name != METADATA:
                # Policy asks metadata; to get past it, metadata must only be out of our reach.
                ended.enter_context(core.without(name))
            proxies[name].stop()
            ended.callback(proxies[name].start)
            yield

    return away
