"""How long the stages of a job took: ours by the events of the ledger, the original's by the states that it shows.

Called by the rows.
"""

import time
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from bench.client import Client, State

POLICY, FILES, METADATA, WHOLE = "policy", "files", "metadata", "whole job"
OURS = {"validate_policy": POLICY, "ingest_files": FILES, "ingest_metadata": METADATA}
EVENTS = text(
    "SELECT stage, extract(epoch FROM max(at) - min(at)) FROM event WHERE job_id = :job AND stage IS NOT NULL GROUP BY stage"
)
# What the original's job says, one after the other.
STEPS = (
    ("UPLOADING", 0), ("open tar", 0), ("open tar", 100), ("load metadata", 0), ("load metadata", 100),
    ("Policy Validation", 100), ("ingest files", 0), ("ingest files", 100), ("ingest metadata", 0), ("ingest metadata", 100),
)  # fmt: skip
ORIGINAL = {POLICY: (4, 5), FILES: (6, 7), METADATA: (8, 9)}


def seconds_of_ours(ledger: Engine, job: int) -> dict[str, float]:
    """The seconds of a job's stages: from its beginning to its last event."""
    with ledger.connect() as connection:
        return {OURS[stage]: float(took) for stage, took in connection.execute(EVENTS, {"job": job}) if stage in OURS}


@dataclass
class Steps:
    """When each step of one of the original's jobs was first seen, as exactly as it is polled."""

    seen: dict[int, float] = field(default_factory=dict)

    def see(self, state: State) -> None:
        """Take note of a state; a step that nobody saw had passed by then."""
        step = STEPS.index((state["task"], int(float(state["task_percent"]))))
        for passed in range(step + 1):
            self.seen.setdefault(passed, time.monotonic())

    def seconds(self) -> dict[str, float]:
        """The seconds of the stages."""
        return {name: self.seen[end] - self.seen[begin] for name, (begin, end) in ORIGINAL.items()}


def original_job(client: Client, job: int, patience: float) -> dict[str, float]:
    """Wait until one of the original's jobs is complete; gives the seconds of its stages."""
    steps = Steps()
    client.complete(job, patience, steps.see)
    return steps.seconds()
