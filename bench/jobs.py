"""Whole jobs of bundles that lie in files: posted, followed to their end, and how long each part of them took.

Called by the rows that measure stages and whole jobs.
"""

import shutil
import time
from pathlib import Path

from bench import stages
from bench.contestants.original import OriginalService
from bench.contestants.ours import Ours
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE


def our_job(ours: Ours, bundle: Path, patience: float) -> dict[str, float]:
    """Run a job through our stack; gives the seconds of its stages and of the whole of it."""
    client, begun = ours.client(), time.monotonic()
    job = client.post_file(bundle)
    client.complete(job, patience)
    took = time.monotonic() - begun
    with ours.ledger() as ledger:
        return {stages.WHOLE: took, **stages.seconds_of_ours(ledger, job)}


def original_job(original: OriginalService, bundle: Path, patience: float) -> dict[str, float]:
    """Run a job through the original; gives the same."""
    begun = time.monotonic()
    job = original.client.post_file(bundle)
    took = stages.original_job(original.client, job, patience)
    return {stages.WHOLE: time.monotonic() - begun, **took}


def empty(folder: Path) -> None:
    """Remove all that is in a folder, so that the disk does not fill."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def empty_core_archive(core: Core) -> None:
    """Remove what the real archive holds."""
    empty(core.services[ARCHIVE].archive)
