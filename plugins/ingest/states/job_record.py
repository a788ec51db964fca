"""The facts about a job from which its state is derived, and the state itself, as plain values.

Created by `ingest.ledger.job_snapshots` (facts) and `ingest.states.job_state` (state).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from ingest.states.stages import Kind, Stage
from ingest.states.waiting import Resumption, Waiting


class JobStatus(StrEnum):
    """The values of the key `state` in the state JSON."""

    OK = "OK"
    FAILED = "FAILED"


class Phase(StrEnum):
    """What a job does now, in one word.

    - `waiting`: it continues by itself, and no stage runs: it waits for its turn, a service, or the start of a stage.
    - `running`: a stage runs.
    - `failed`: it continues only if a person acts.
    - `complete`: the catalog holds it.
    """

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETE = "complete"


class Outcome(StrEnum):
    """How a job ends, or is about to end; a job without an outcome is in progress or failed."""

    CATALOGING = "cataloguing"
    CATALOGED = "catalogued"
    REJECTING = "rejecting"
    REJECTED = "rejected"


@dataclass(frozen=True)
class JobState:
    """The part of the state JSON that changes while the job is processed."""

    state: JobStatus
    task: str
    task_percent: float
    exception: str
    complete: bool

    @classmethod
    def from_stored(cls, document: Mapping[str, Any]) -> Self:
        """Return a state that the ledger holds as JSON."""
        return cls(**{**document, "state": JobStatus(document["state"])})

    @property
    def percent_text(self) -> str:
        """The percentage as the documented string, such as "0.0"."""
        return f"{self.task_percent:.1f}"


@dataclass(frozen=True)
class StageError:
    """The last error of a job; `final` when no further try follows."""

    stage: Stage
    text: str
    final: bool


@dataclass(frozen=True)
class JobRecord:
    """The ledger's facts about a job.

    - `stage` and `percent`: the stage that last reported progress, and how far it was.
    - `is_held`: whether a process works on the job, or died while it did.
    - `finished`: the last stage that the ledger holds as finished.
    - `waiting`: what the job waits for since an attempt of its stage failed.
    - `clears`: how often housekeeping has started its run again.
    - `last`: the last state that was sent to a client.
    - `cancellation`: who canceled the job and when, as clients see it; empty unless it was canceled.
    """

    kind: Kind
    outcome: Outcome | None = None
    override: JobState | None = None
    stage: Stage | None = None
    percent: float = 0.0
    is_held: bool = False
    finished: Stage | None = None
    error: StageError | None = None
    waiting: Waiting | None = None
    clears: int = 0
    last: JobState | None = None
    cancellation: str = ""

    @property
    def is_stopped(self) -> bool:
        """Whether the job has failed and continues only after a retry."""
        failed_by_admin = self.override is not None and self.override.state == JobStatus.FAILED
        return failed_by_admin or (self.error is not None and self.error.final)

    @property
    def is_cataloged(self) -> bool:
        """Whether the catalog holds the job, which is then complete."""
        return self.outcome is Outcome.CATALOGED

    @property
    def is_canceled(self) -> bool:
        """Whether the job was canceled, which is final; files of it may still have to be removed from the archive."""
        return bool(self.cancellation)

    @property
    def is_rejected(self) -> bool:
        """Whether the uploader must fix the bundle, and the archive holds nothing of the job."""
        return self.outcome is Outcome.REJECTED and self.error is not None and self.error.final

    @property
    def is_waiting(self) -> bool:
        """Whether the job waits for its next attempt, and no process works on it."""
        return self.waiting is not None and self.error is not None and self.is_unfinished and not self.is_held

    @property
    def resumption(self) -> Resumption | None:
        """How far the next attempt of a job that waits has got; None for any other job."""
        return self.waiting.resumption if self.waiting is not None and self.is_waiting else None

    @property
    def is_unfinished(self) -> bool:
        """Whether the job continues without anybody's help."""
        return not (self.is_stopped or self.is_cataloged)

    @property
    def phase(self) -> Phase:
        """The phase by the ledger alone, without the job's run in Airflow.

        A state FAILED that a client received counts, because only Airflow knows that a run ended without finishing the job.
        """
        if self.is_cataloged:
            return Phase.COMPLETE
        if self.is_canceled or self.is_stopped or (self.last is not None and self.last.state == JobStatus.FAILED):
            return Phase.FAILED
        return Phase.RUNNING if self.is_held else Phase.WAITING
