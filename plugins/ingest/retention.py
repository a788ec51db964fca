"""Bundles of rejected jobs leave the spool after a while: their uploaders have to mend them and send new ones anyway.

Called by the DAG `retention`. The bundle of a job that failed because a service stayed away, or that an admin failed, stays
until somebody retries it: the archive may hold a part of it.
"""

import logging
from collections import Counter
from datetime import timedelta

from ingest import jobs
from ingest.database import first_line, make_engine
from ingest.settings import load_settings

logger = logging.getLogger(__name__)
BATCH = 500


def remove_old_bundles() -> dict[str, int]:
    """Remove what is older than the settings say; gives how many bundles were removed and how many could not be.

    Raises DatabaseUnavailable. May be repeated, and be killed at any time.
    """
    settings = load_settings()
    age = timedelta(days=settings.keep_rejected_days)
    engine = make_engine(settings, pool_size=1)
    counts = Counter(removed=0, kept=0)
    last = -1
    try:
        while batch := jobs.rejected_longer_than(engine, age, last, BATCH):
            for job_id in batch:
                try:
                    removed = jobs.remove_bundle(engine, job_id, age, settings.volume_path)
                except OSError as error:
                    logger.warning("job %s: its bundle stays: %s", job_id, first_line(error))
                    removed = False
                counts["removed" if removed else "kept"] += 1
            last = batch[-1]
    finally:
        engine.dispose()
    return dict(counts)
