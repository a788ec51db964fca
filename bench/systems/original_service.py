"""The original service: pacifica-ingest 0.4.1, its server and its Celery worker with two processes.

It runs with the real Pacifica services and is configured as its documentation says, but its server accepts bodies of any
size. Called by `testbed`.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.client import Client
from bench.systems.redis import redis
from ingest.local.environment import database_url
from ingest.local.layout import Layout
from ingest.local.postgres import create_database
from tests.upgrade.original import CHERRYPY, Original
from tools.pacifica_core.core import Core
from tools.waiting import wait_until

DATABASE = "original"
WORKER_START_SECONDS = 60
WORKERS = "2"
UNLIMITED_BODY = "[global]\nserver.max_request_body_size: 0\n"


class OriginalService:
    """The running original service."""

    def __init__(self, service: Original, url: str, volume: Path) -> None:
        self.service = service
        self.client = Client(url)
        self._volume = volume

    def remove_bundles(self) -> None:
        """Remove the bundles that failed jobs leave."""
        for path in self._volume.iterdir():
            path.unlink()


@contextmanager
def original_service(folder: Path, postgres: Layout, core: Core) -> Iterator[OriginalService]:
    """Run the original service on its own database; raises RequirementMissing."""
    volume = folder / "volume"
    volume.mkdir(parents=True, exist_ok=True)
    create_database(postgres, DATABASE)
    with ExitStack() as running:
        broker = running.enter_context(redis())
        variables = {"VOLUME_PATH": str(volume), "BROKER_URL": broker, "BACKEND_URL": broker, **core.settings()}
        cherrypy = CHERRYPY.replace("[global]\n", UNLIMITED_BODY)
        service = Original(folder, database_url(postgres, DATABASE), variables, cherrypy)
        service.dbsync()
        words = ("celery", "-A", "pacifica.ingest.tasks", "worker", "-c", WORKERS, "-l", "info")
        worker = running.enter_context(service.running("worker", *words))
        log = folder / "worker"
        wait_until(lambda: is_ready(worker, log), WORKER_START_SECONDS, lambda: log.read_text()[-2000:])
        yield OriginalService(service, running.enter_context(service.serving()), volume)


def is_ready(worker: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Return whether the worker's log reports that it is ready; fails if the worker has exited."""
    assert worker.poll() is None, f"the worker of the original service exited: {log.read_text()[-500:]}"
    return " ready." in log.read_text()
