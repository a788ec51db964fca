"""The states of runs and tasks in Airflow, as plain values.

Created by `ingest.orchestrator.client` and `inferred_run`. A state is kept as the text that Airflow sent, so that a state
of a later version of Airflow is no error; `RunState` and `TaskState` name those that matter here.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ingest.states.stages import Stage


class RunState(StrEnum):
    """The states of a DAG run in Airflow."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class TaskState(StrEnum):
    """The states of a task instance in Airflow that this service distinguishes."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RESTARTING = "restarting"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    SUCCESS = "success"
    FAILED = "failed"


RUNNING_STATES = frozenset({TaskState.RUNNING, TaskState.RESTARTING})
WAITING_STATES = frozenset({TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE, TaskState.DEFERRED})
SCHEDULED_STATES = frozenset({TaskState.SCHEDULED, TaskState.QUEUED})
IN_PROGRESS_STATES = RUNNING_STATES | WAITING_STATES | SCHEDULED_STATES
NOT_STARTED_STATES = SCHEDULED_STATES | {None}
ENDED_RUN_STATES = frozenset({RunState.SUCCESS, RunState.FAILED})
FIRST_TRY = 1


@dataclass(frozen=True)
class TaskInstance:
    """One stage of a run in Airflow; `try_number` is incremented when a try is scheduled."""

    task_id: str
    state: str | None
    try_number: int = 0

    @property
    def waits_for_another_try(self) -> bool:
        """Whether the stage was tried before and will be tried again (also after it was cleared)."""
        if self.state in WAITING_STATES:
            return True
        earlier_tries = self.try_number - (self.state in SCHEDULED_STATES)
        return self.state in NOT_STARTED_STATES and earlier_tries >= FIRST_TRY


@dataclass(frozen=True)
class Run:
    """A job's run in Airflow; `state` is None when Airflow has no run of the job.

    `missing` are the stages without a task instance: an operator deleted them, and Airflow does not run them again.
    """

    state: str | None
    tasks: tuple[TaskInstance, ...] = field(default=())
    missing: tuple[Stage, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether none of its tasks will run any more, unless the run is cleared."""
        return self.state in ENDED_RUN_STATES

    @property
    def is_broken(self) -> bool:
        """Whether some of its tasks are missing and no other one is in progress, so that only a new run helps."""
        in_progress = not self.has_ended and any(task.state in IN_PROGRESS_STATES for task in self.tasks)
        return bool(self.missing) and not in_progress

    @property
    def is_working(self) -> bool:
        """Whether one of its tasks is running now."""
        return any(task.state in RUNNING_STATES for task in self.tasks)

    @property
    def waits_for_retry(self) -> bool:
        """Whether Airflow waits before it tries one of its tasks again."""
        return not self.has_ended and any(task.state == TaskState.UP_FOR_RETRY for task in self.tasks)

    def task(self, stage: Stage) -> TaskInstance:
        """Return the task instance of a stage; one without a state where Airflow lists none (see `missing`)."""
        return next((task for task in self.tasks if task.task_id == stage), TaskInstance(stage, None))
