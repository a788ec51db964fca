"""What happened to each stage of a job, derived from the ledger's facts and events, without any I/O.

Called by `api.routes.job_json` and `ingest.pages.job_timeline`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from ingest.states.job_record import JobRecord, Phase
from ingest.states.stages import STAGES, Stage


class StageState(StrEnum):
    """The state of a stage.

    - `pending`: it has not run, or must run again because an earlier stage does.
    - `waiting`: its last attempt failed, and another one follows by itself.
    """

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    COMPLETE = "complete"


@dataclass(frozen=True)
class Attempt:
    """An attempt of a stage by the events; `ended` is None while it runs, and also after its process was killed."""

    stage: Stage
    number: int
    started: datetime
    ended: datetime | None = None


@dataclass(frozen=True)
class StageReport:
    """A stage of a job: `attempt` is the number of its last attempt, 0 if there was none; the times are those of it."""

    stage: Stage
    state: StageState
    attempt: int
    started: datetime | None
    ended: datetime | None


def report_stages(job: JobRecord, attempts: Sequence[Attempt]) -> list[StageReport]:
    """Return all stages of a job in order; `attempts` are those of the job in order."""
    last = {attempt.stage: attempt for attempt in attempts}
    return [_report(job, stage, last.get(stage)) for stage in STAGES[job.kind]]


def time_worked(attempts: Sequence[Attempt], stage: Stage, now: datetime) -> timedelta:
    """Return for how long attempts of a stage ran. An attempt that was killed ends when the next attempt starts."""
    total = timedelta()
    for attempt, following in zip_longest(attempts, attempts[1:]):
        next_start = following.started if following else now
        if attempt.stage is stage:
            total += (attempt.ended or next_start) - attempt.started
    return total


def _report(job: JobRecord, stage: Stage, last: Attempt | None) -> StageReport:
    state = _state(job, stage)
    if last is None:
        return StageReport(stage, state, 0, None, None)
    return StageReport(stage, state, last.number, last.started, last.ended)


def _state(job: JobRecord, stage: Stage) -> StageState:
    stages = STAGES[job.kind]
    if job.phase is Phase.RUNNING and job.stage is stage:
        return StageState.RUNNING
    if job.is_cataloged or (job.finished is not None and stages.index(stage) <= stages.index(job.finished)):
        return StageState.COMPLETE
    if job.error is not None and job.error.stage is stage:
        return StageState.FAILED if job.phase is Phase.FAILED else StageState.WAITING
    return StageState.PENDING
