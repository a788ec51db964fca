"""The pools of Airflow that the stages run in, and the pool `archive`, which exists only because this service creates it.

Used by the DAGs and the launcher, and by `ingest.orchestrator.obstacles`. The size of the pool is the setting
`INGEST_ARCHIVE_SLOTS`.
"""

from typing import Any

from ingest.states.stages import Stage

ARCHIVE_POOL = "archive"
# Airflow creates it, and lets nobody delete it.
DEFAULT_POOL = "default_pool"
DESCRIPTION = "Jobs that send files to the archive"
ARCHIVE_STAGES = frozenset({Stage.INGEST_FILES, Stage.MOVE_FILES})


def pool_of(stage: Stage) -> str:
    """Return the pool that a stage takes a slot of."""
    return ARCHIVE_POOL if stage in ARCHIVE_STAGES else DEFAULT_POOL


def archive_pool(slots: int) -> dict[str, Any]:
    """Return the pool `archive` as Airflow's REST API takes it."""
    return {"name": ARCHIVE_POOL, "slots": slots, "description": DESCRIPTION, "include_deferred": False}
