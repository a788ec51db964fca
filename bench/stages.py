"""The durations of a job's stages: by the ledger's events for this service, by the states for the original service.

Called by the rows.
"""

import time
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from bench.client import Client, State

POLICY, FILES, METADATA, WHOLE = "policy", "files", "metadata", "whole job"
STAGE_LABELS = {"validate_policy": POLICY, "ingest_files": FILES, "ingest_metadata": METADATA}
EVENTS = text(
    "SELECT stage, extract(epoch FROM max(at) - min(at)) FROM event WHERE job_id = :job AND stage IS NOT NULL GROUP BY stage"
)
# The tasks and percentages that a job of the original service shows, in their order.
ORIGINAL_STEPS = (
    ("UPLOADING", 0), ("open tar", 0), ("open tar", 100), ("load metadata", 0), ("load metadata", 100),
    ("Policy Validation", 100), ("ingest files", 0), ("ingest files", 100), ("ingest metadata", 0), ("ingest metadata", 100),
)  # fmt: skip
# The indexes of the steps that begin and end a stage.
ORIGINAL_STAGES = {POLICY: (4, 5), FILES: (6, 7), METADATA: (8, 9)}


def stage_seconds(ledger: Engine, job: int) -> dict[str, float]:
    """Return the seconds of a job's stages, from the first event of a stage to its last."""
    with ledger.connect() as connection:
        rows = connection.execute(EVENTS, {"job": job})
        return {STAGE_LABELS[stage]: float(took) for stage, took in rows if stage in STAGE_LABELS}


@dataclass
class StepTimes:
    """The times at which each step of a job of the original service was first seen, as precise as the polling."""

    times: dict[int, float] = field(default_factory=dict)

    def record(self, state: State) -> None:
        """Record the time of a state's step and of earlier steps that no poll has seen."""
        step = ORIGINAL_STEPS.index((state["task"], int(float(state["task_percent"]))))
        for reached in range(step + 1):
            self.times.setdefault(reached, time.monotonic())

    def stage_seconds(self) -> dict[str, float]:
        """Return the seconds of the stages."""
        return {name: self.times[end] - self.times[begin] for name, (begin, end) in ORIGINAL_STAGES.items()}


def follow_original_job(client: Client, job: int, timeout: float) -> dict[str, float]:
    """Wait until a job of the original service is complete; return the seconds of its stages."""
    steps = StepTimes()
    client.wait_until_complete(job, timeout, steps.record)
    return steps.stage_seconds()
