"""The real stack in front of the real Pacifica services, started once for all tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tests.otlp_receiver import Receiver, run_receiver
from tests.stack_fixtures import ledger, points  # noqa: F401 - fixtures
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Proxy, proxy_to
from tools.pacifica_core.services import METADATA, SERVICES, settings_of
from tools.stack import Stack, running_stack

# A job stops waiting for an unavailable service after some twenty seconds: long enough to start one on a busy machine. An
# unresponsive service times out after ten seconds. tests/e2e/conftest.py explains why the delay is not shorter.
SETTINGS = {
    "INGEST_RETRIES": "4",
    "INGEST_RETRY_FOR": "20",
    "INGEST_RETRY_DELAY": "5",
    "INGEST_MAX_RETRY_DELAY": "5",
    "INGEST_SERVICE_READ_TIMEOUT": "10",
}


@pytest.fixture(scope="package")
def proxies(core: Core) -> Iterator[dict[str, Proxy]]:
    """Run a proxy in front of each service, which forwards everything until a test injects a fault."""
    with ExitStack() as running:
        yield {name: running.enter_context(proxy_to(core.url(name))) for name in SERVICES}


@pytest.fixture(scope="package")
def collector() -> Iterator[Receiver]:
    """Return the receiver of the stack's traces."""
    with run_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="package")
def stack(
    core: Core,
    proxies: dict[str, Proxy],
    points: Points,  # noqa: F811 - the fixture
    collector: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Run the stack; settings point it at the core, through the proxies, and turn traces on."""
    settings = {**settings_of({name: proxy.url for name, proxy in proxies.items()}), VARIABLE: str(points.folder)}
    home = tmp_path_factory.mktemp("stack")
    with running_stack(home, {**SETTINGS, **settings, **collector.environment}) as stack:
        yield stack


MakeUnavailable = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def make_unavailable(core: Core, proxies: dict[str, Proxy]) -> MakeUnavailable:
    """Return a context manager that makes a service unavailable: stops its process and refuses connections."""

    @contextmanager
    def make_unavailable(name: str) -> Iterator[None]:
        with ExitStack() as ended:
            if name != METADATA:
                # Policy needs metadata, so metadata keeps running and only its proxy refuses connections.
                ended.enter_context(core.without(name))
            proxies[name].stop()
            ended.callback(proxies[name].start)
            yield

    return make_unavailable
