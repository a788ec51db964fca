"""The stages of a job: the one place where a stage is registered.

The task id, the label, the pool and the order of the stages are here. The function of a stage is found by its task id
(`ingest.stages.registry`), and the DAGs build their tasks from `STAGES`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """The kind of a job; also the id of the DAG that processes it."""

    INGEST = "ingest"
    MOVE = "move"


class Pool(StrEnum):
    """A pool of Airflow that tasks run in."""

    # Airflow creates it, and it cannot be deleted.
    DEFAULT = "default_pool"
    ARCHIVE = "archive"


class Stage(StrEnum):
    """A stage of a job; its value is its Airflow task id, its function and its module in `ingest.stages`.

    `label` is the name that clients see, as pacifica-ingest 0.4.1 wrote it: by default the task id with spaces. `pool` is
    the Airflow pool in which its task occupies a slot.
    """

    label: str
    pool: Pool

    def __new__(cls, task_id: str, label: str = "", pool: Pool = Pool.DEFAULT) -> Self:
        """Attach label and pool to the task id."""
        stage = str.__new__(cls, task_id)
        stage._value_ = task_id
        stage.label = label or task_id.replace("_", " ")
        stage.pool = pool
        return stage

    OPEN_TAR = "open_tar"
    LOAD_METADATA = "load_metadata"
    VALIDATE_POLICY = "validate_policy", "Policy Validation"
    INGEST_FILES = "ingest_files", "ingest files", Pool.ARCHIVE
    MOVE_FILES = "move_files", "move files", Pool.ARCHIVE
    INGEST_METADATA = "ingest_metadata"


STAGES: Mapping[Kind, tuple[Stage, ...]] = {
    Kind.INGEST: (
        Stage.OPEN_TAR,
        Stage.LOAD_METADATA,
        Stage.VALIDATE_POLICY,
        Stage.INGEST_FILES,
        Stage.INGEST_METADATA,
    ),
    Kind.MOVE: (Stage.LOAD_METADATA, Stage.VALIDATE_POLICY, Stage.MOVE_FILES, Stage.INGEST_METADATA),
}
