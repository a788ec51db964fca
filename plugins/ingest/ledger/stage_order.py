"""The place of a stage among the stages of its job, and which of them have finished.

Used by `ingest.ledger.lease`.
"""

from ingest.states.job_record import JobRecord
from ingest.states.stages import STAGES, Stage


def latest_finished(job: JobRecord, stage: Stage) -> Stage:
    """Return the last finished stage of a job once `stage` has finished: itself, or a later one that had finished before."""
    stages = STAGES[job.kind]
    return max(stage, job.finished or stage, key=stages.index)


def finished_before(job: JobRecord, stage: Stage) -> Stage | None:
    """Return the last finished stage of a job once `stage` is void: one before it, None when there is none."""
    stages = STAGES[job.kind]
    if job.finished and stages.index(job.finished) < stages.index(stage):
        return job.finished
    return stages[stages.index(stage) - 1] if stage is not stages[0] else None


def missing_predecessors(job: JobRecord, stage: Stage) -> tuple[Stage, ...]:
    """Return the stages before `stage` that have not finished."""
    stages = STAGES[job.kind]
    done = stages.index(job.finished) + 1 if job.finished else 0
    return stages[done : stages.index(stage)]
