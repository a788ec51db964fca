"""The original: pacifica-ingest 0.4.1, its server and its Celery worker with two processes, in front of the real core.

Configured as its documentation says; its server takes bodies of any size. Called by `surroundings`.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.client import Client
from bench.contestants.redis import redis
from ingest.local.environment import database_url
from ingest.local.layout import Layout
from ingest.local.postgres import create_database
from tests.upgrade.original import CHERRYPY, Original
from tools.pacifica_core.core import Core
from tools.waiting import wait_until

DATABASE = "original"
WORKER_SECONDS = 60
WORKERS = "2"
ANY_SIZE = "[global]\nserver.max_request_body_size: 0\n"


class OriginalService:
    """The original while it runs."""

    def __init__(self, service: Original, url: str, volume: Path) -> None:
        self.service = service
        self.client = Client(url)
        self._volume = volume

    def remove_bundles(self) -> None:
        """Remove what failed jobs leave behind."""
        for path in self._volume.iterdir():
            path.unlink()


@contextmanager
def original_service(folder: Path, postgres: Layout, core: Core) -> Iterator[OriginalService]:
    """Run it on a database of its own; raises Lacking."""
    volume = folder / "volume"
    volume.mkdir(parents=True, exist_ok=True)
    create_database(postgres, DATABASE)
    with ExitStack() as running:
        broker = running.enter_context(redis())
        variables = {"VOLUME_PATH": str(volume), "BROKER_URL": broker, "BACKEND_URL": broker, **core.settings()}
        cherrypy = CHERRYPY.replace("[global]\n", ANY_SIZE)
        service = Original(folder, database_url(postgres, DATABASE), variables, cherrypy)
        service.dbsync()
        words = ("celery", "-A", "pacifica.ingest.tasks", "worker", "-c", WORKERS, "-l", "info")
        worker = running.enter_context(service.running("worker", *words))
        log = folder / "worker"
        wait_until(lambda: is_ready(worker, log), WORKER_SECONDS, lambda: log.read_text()[-2000:])
        yield OriginalService(service, running.enter_context(service.serving()), volume)


def is_ready(worker: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Whether the worker says that it is ready; fails when it has ended."""
    assert worker.poll() is None, f"the original's worker has ended: {log.read_text()[-500:]}"
    return " ready." in log.read_text()
