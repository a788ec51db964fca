"""Whole jobs: post a bundle from a file, wait until the job is complete, and return the duration of each part.

Called by the rows that measure stages and whole jobs.
"""

import shutil
import time
from pathlib import Path

from bench import stages
from bench.systems.original_service import OriginalService
from bench.systems.this_service import ThisService
from ingest.services.archive_marker import MARKER
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE


def run_job(service: ThisService, bundle: Path, timeout: float) -> dict[str, float]:
    """Run a job on this service; return the seconds of its stages and of the whole job."""
    client, begun = service.client(), time.monotonic()
    job = client.post_file(bundle)
    client.wait_until_complete(job, timeout)
    took = time.monotonic() - begun
    with service.ledger() as ledger:
        return {stages.WHOLE: took, **stages.stage_seconds(ledger, job)}


def run_original_job(service: OriginalService, bundle: Path, timeout: float) -> dict[str, float]:
    """Run a job on the original service; return the seconds of its stages and of the whole job."""
    begun = time.monotonic()
    job = service.client.post_file(bundle)
    stage_seconds = stages.follow_original_job(service.client, job, timeout)
    return {stages.WHOLE: time.monotonic() - begun, **stage_seconds}


def empty_folder(folder: Path) -> None:
    """Remove the contents of a folder, so that the disk does not fill; the built-in archive keeps its marker."""
    for path in folder.iterdir():
        if path.name == MARKER:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def empty_core_archive(core: Core) -> None:
    """Remove all files from the real archive."""
    empty_folder(core.services[ARCHIVE].archive)
