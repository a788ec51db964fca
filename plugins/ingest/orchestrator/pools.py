"""The Airflow pool `archive`, which exists only because this service creates it.

Used by the launcher and by `ingest.orchestrator.obstacles`. The size of the pool is the setting `INGEST_ARCHIVE_SLOTS`.
"""

from typing import Any

from ingest.states.stages import Pool

DESCRIPTION = "Jobs that send files to the archive"


def archive_pool(slots: int) -> dict[str, Any]:
    """Return the pool `archive` in the form that Airflow's REST API expects."""
    return {"name": Pool.ARCHIVE.value, "slots": slots, "description": DESCRIPTION, "include_deferred": False}
