"""The stages of a job, and the pure mapping from what is known of it to the state JSON that clients see.

`job_state` is called by the API for every answer about a job. It looks at what our ledger holds (`JobRecord`) and at what
Airflow says of the job's run (`Run`), and at nothing else: no clock, no database, no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FAILED = "FAILED"
DONE = 100.0
ALMOST_DONE = 99.9
RECEIVED_LABEL = "UPLOADING"
SKIPPED_TEXT = "a stage was skipped or marked by hand; retry the job"
LOST_TEXT = (
    "the run failed in Airflow, but no stage of the job did; within a minute housekeeping starts it again, "
    "unless an operator marked it as failed"
)
MARKED_TEXT = (
    "an operator ended the job: its run or a task of it was marked as failed in Airflow; an admin can retry it"
)
MISSING_TEXT = (
    "tasks of the run were deleted in Airflow; within a minute housekeeping replaces the run, and the job continues"
)
CLEARS_ALLOWED = 5
GIVEN_UP_TEXT = (
    f"Airflow lost the run again after housekeeping had started it {CLEARS_ALLOWED} times; "
    "see the log of the task in Airflow and retry the job"
)

RUNNING = frozenset({"running", "restarting"})
WAITING = frozenset({"up_for_retry", "up_for_reschedule", "deferred"})
SCHEDULED = frozenset({"scheduled", "queued"})
IN_PROGRESS = RUNNING | WAITING | SCHEDULED
NOT_STARTED = SCHEDULED | {None}
ENDED_RUN = frozenset({"success", "failed"})
FIRST_TRY = 1


class Kind(StrEnum):
    """What was posted; also the id of the DAG that works on it."""

    INGEST = "ingest"
    MOVE = "move"


class Stage(StrEnum):
    """A stage of a job; the value is its Airflow task id, its function and its file."""

    OPEN_TAR = "open_tar"
    LOAD_METADATA = "load_metadata"
    VALIDATE_POLICY = "validate_policy"
    INGEST_FILES = "ingest_files"
    MOVE_FILES = "move_files"
    INGEST_METADATA = "ingest_metadata"

    @property
    def label(self) -> str:
        """The name of the stage that clients see, as the original service wrote it."""
        return "Policy Validation" if self is Stage.VALIDATE_POLICY else self.value.replace("_", " ")


class Outcome(StrEnum):
    """How far the end of a job is; no outcome means that the job is still on its way."""

    CATALOGING = "cataloguing"
    CATALOGED = "catalogued"
    REJECTING = "rejecting"
    REJECTED = "rejected"


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


@dataclass(frozen=True)
class JobState:
    """The part of the state JSON that changes as the job goes on."""

    state: str
    task: str
    task_percent: float
    exception: str
    complete: bool

    @property
    def percent_text(self) -> str:
        """The percentage as the documented string, such as "0.0"."""
        return f"{self.task_percent:.1f}"


@dataclass(frozen=True)
class StageError:
    """The last error of a job; `final` when no further try follows it."""

    stage: Stage
    text: str
    final: bool


@dataclass(frozen=True)
class JobRecord:
    """What our ledger knows of a job.

    `stage` and `percent` are the stage that last reported progress and how far it was; `is_held` is whether a process works
    on it, or died while it did; `finished` is the last stage that the ledger holds as finished; `last` is the last state
    that was answered.
    """

    kind: Kind
    outcome: Outcome | None = None
    override: JobState | None = None
    stage: Stage | None = None
    percent: float = 0.0
    is_held: bool = False
    finished: Stage | None = None
    error: StageError | None = None
    clears: int = 0
    last: JobState | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the job has failed, and goes on only when somebody retries it."""
        failed_by_admin = self.override is not None and self.override.state == FAILED
        return failed_by_admin or (self.error is not None and self.error.final)


@dataclass(frozen=True)
class TaskInstance:
    """What Airflow knows of one stage of a run; `try_number` counts up when a try is scheduled."""

    task_id: str
    state: str | None
    try_number: int = 0

    @property
    def waits_for_another_try(self) -> bool:
        """Whether the stage was tried before and will be tried again (also after it was cleared)."""
        if self.state in WAITING:
            return True
        earlier_tries = self.try_number - (self.state in SCHEDULED)
        return self.state in NOT_STARTED and earlier_tries >= FIRST_TRY


@dataclass(frozen=True)
class Run:
    """What Airflow knows of a job's run; `state` is None when Airflow has no run of the job.

    `missing` are the stages that Airflow has no task instance for: somebody deleted them, and they never run by themselves.
    """

    state: str | None
    tasks: tuple[TaskInstance, ...] = field(default=())
    missing: tuple[Stage, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether no task of it will run any more, unless somebody clears it."""
        return self.state in ENDED_RUN

    @property
    def is_broken(self) -> bool:
        """Whether tasks of it are missing, and none of the others is in progress: nothing but a new run helps."""
        in_progress = not self.has_ended and any(task.state in IN_PROGRESS for task in self.tasks)
        return bool(self.missing) and not in_progress

    @property
    def is_working(self) -> bool:
        """Whether one of its tasks runs at this moment."""
        return any(task.state in RUNNING for task in self.tasks)

    def task(self, stage: Stage) -> TaskInstance:
        """The task instance of a stage; one without a state where Airflow lists none, see `missing`."""
        return next((task for task in self.tasks if task.task_id == stage), TaskInstance(stage, None))


def job_state(job: JobRecord, run: Run | None) -> JobState:
    """Map what is known of a job to its state; `run` is None when Airflow does not answer.

    The rows of the table in docs/reference/api.md, in their order; the first that matches wins.
    """
    if job.outcome is Outcome.CATALOGED:
        return JobState("OK", Stage.INGEST_METADATA.label, DONE, "", complete=True)
    if job.override is not None:
        return job.override
    if run is None:
        return job.last or received()
    if run.state is None:
        return _without_run(job)
    return _running(job, run) or _waiting(job, run) or _failed(job, run) or _ended(job, run) or _between(job, run)


def received() -> JobState:
    """The state of a job that was received and has not started."""
    return JobState("OK", RECEIVED_LABEL, 0.0, "", complete=False)


def failed(stage: Stage, text: str) -> JobState:
    """The state of a job that goes on only when somebody acts."""
    return JobState(FAILED, stage.label, 0.0, text, complete=True)


def first_unfinished(job: JobRecord) -> Stage:
    """The first stage that the ledger does not hold as finished."""
    stages = STAGES[job.kind]
    if job.finished is None:
        return stages[0]
    return stages[min(stages.index(job.finished) + 1, len(stages) - 1)]


def lost_by_airflow(job: JobRecord, run: Run) -> bool:
    """Whether a run failed or broke for no reason of the job's own, so that housekeeping starts it again."""
    return _is_lost(job, run) and not _given_up(job)


def lost_for_good(job: JobRecord, run: Run) -> bool:
    """Whether a run failed or broke for no reason of the job's own, and was started as often as housekeeping does."""
    return _is_lost(job, run) and _given_up(job)


def _is_lost(job: JobRecord, run: Run) -> bool:
    if job.outcome is Outcome.CATALOGED or job.is_stopped:
        return False
    return run.state == "failed" or run.is_broken


def _given_up(job: JobRecord) -> bool:
    """Whether housekeeping clears the job no more; what was archived of a rejected job is always removed in the end."""
    return job.clears >= CLEARS_ALLOWED and job.outcome is not Outcome.REJECTING


def _without_run(job: JobRecord) -> JobState:
    if job.error and job.error.final:
        return failed(job.error.stage, job.error.text)
    return job.last or received()


def _running(job: JobRecord, run: Run) -> JobState | None:
    for stage in STAGES[job.kind]:
        if run.task(stage).state in RUNNING:
            return JobState("OK", stage.label, _progress(job, stage), "", complete=False)
    return None


def _waiting(job: JobRecord, run: Run) -> JobState | None:
    if run.has_ended:
        return None
    for stage in STAGES[job.kind]:
        if run.task(stage).waits_for_another_try:
            text = job.error.text if job.error and job.error.stage is stage else ""
            return JobState("OK", stage.label, _progress(job, stage), text, complete=False)
    return None


def _failed(job: JobRecord, run: Run) -> JobState | None:
    if job.error is None or not job.error.final:
        return None
    stage = job.error.stage
    if run.has_ended:
        return failed(stage, job.error.text)
    if run.task(stage).state == "failed" or stage in run.missing:
        # Airflow forgets a Clear that comes before it has ended the run, so nobody is called to one yet.
        return JobState("OK", stage.label, _progress(job, stage), job.error.text, complete=False)
    return None


def _ended(job: JobRecord, run: Run) -> JobState | None:
    stage = first_unfinished(job)
    if run.state == "success" and not run.is_broken:
        return failed(stage, SKIPPED_TEXT)
    has_failed = run.state == "failed" or any(run.task(each).state == "failed" for each in STAGES[job.kind])
    if not (has_failed or run.is_broken):
        return None
    if _given_up(job):
        return failed(stage, GIVEN_UP_TEXT)
    return JobState("OK", stage.label, 0.0, MISSING_TEXT if run.is_broken else LOST_TEXT, complete=False)


def _between(job: JobRecord, run: Run) -> JobState:
    # Without the last stage: its label with 100 stops the stock client, and only the ledger may say that.
    succeeded = [stage for stage in STAGES[job.kind][:-1] if run.task(stage).state == "success"]
    if not succeeded:
        return received()
    return JobState("OK", succeeded[-1].label, DONE, "", complete=False)


def _progress(job: JobRecord, stage: Stage) -> float:
    return min(job.percent, ALMOST_DONE) if job.stage is stage else 0.0
