"""Four processes of ArchiveInterface on one folder behind a plain TCP proxy, as in production.

They replace the single process: the proxy listens on its port, and they use its files. Called by the row
`real_archive_small`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from bench.systems.programs import running_server
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE, SERVICES, Service
from tools.stack import free_port

PROCESSES = 4


@contextmanager
def four_archives(core: Core) -> Iterator[None]:
    """Run four processes instead of one; restart the single process afterwards."""
    with ExitStack() as running:
        running.enter_context(core.without(ARCHIVE))
        ports = [_start_archive(core, number, running) for number in range(PROCESSES)]
        proxy_port = str(urlsplit(core.url(ARCHIVE)).port)
        running.enter_context(running_server("bench.systems.round_robin_proxy", proxy_port, *map(str, ports)))
        yield


def _start_archive(core: Core, number: int, running: ExitStack) -> int:
    name, port = f"{ARCHIVE}-{number}", free_port()
    service = Service(ARCHIVE, port, core.folder / name)
    service.write_configuration(core.folder, dict.fromkeys(SERVICES, port))
    if not service.archive.exists():
        service.archive.symlink_to(core.services[ARCHIVE].archive)
    core.services[name] = service
    core.start(name)
    running.callback(core.stop, name)
    return port
