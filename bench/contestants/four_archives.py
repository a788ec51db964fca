"""Four processes of ArchiveInterface on one folder, as production runs several, behind a plain TCP proxy.

They stand in the place of the single one: at its port, with its files. Called by the row `real_archive_small`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from bench.contestants.programs import program
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE, SERVICES, Service
from tools.stack import free_port

PROCESSES = 4


@contextmanager
def four_archives(core: Core) -> Iterator[None]:
    """Run four instead of one; the one is back afterwards."""
    with ExitStack() as running:
        running.enter_context(core.without(ARCHIVE))
        ports = [_one_more(core, number, running) for number in range(PROCESSES)]
        taken = str(urlsplit(core.url(ARCHIVE)).port)
        running.enter_context(program("bench.contestants.round_robin", taken, *map(str, ports)))
        yield


def _one_more(core: Core, number: int, running: ExitStack) -> int:
    name, port = f"{ARCHIVE}-{number}", free_port()
    service = Service(ARCHIVE, port, core.folder / name)
    service.write_configuration(core.folder, dict.fromkeys(SERVICES, port))
    if not service.archive.exists():
        service.archive.symlink_to(core.services[ARCHIVE].archive)
    core.services[name] = service
    core.start(name)
    running.callback(core.stop, name)
    return port
