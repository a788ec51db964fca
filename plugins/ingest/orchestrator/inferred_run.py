"""Infers a job's run from the ledger, so that Airflow need not be queried for each poll.

Called by the API for every poll of a job, and for every job of a list or page.
"""

from ingest.ledger.jobs import JobSnapshot
from ingest.states.airflow import Run, RunState, TaskInstance, TaskState
from ingest.states.job_record import JobRecord, JobState
from ingest.states.job_state import ledger_state
from ingest.states.stages import STAGES

# The delay with which clients see events that only Airflow knows, such as a Clear or a killed worker.
LEDGER_TRUST_SECONDS = 2.0


def infer_recent_run(snapshot: JobSnapshot) -> Run | None:
    """Return the run of a job that made progress within LEDGER_TRUST_SECONDS; None for any other job, and after an error."""
    age = (snapshot.seen - snapshot.updated).total_seconds()
    # The age is negative, and means nothing, after the database's clock was set back.
    if snapshot.record.error or not 0 <= age < LEDGER_TRUST_SECONDS:
        return None
    return infer_run(snapshot.record)


def infer_state(snapshot: JobSnapshot) -> JobState:
    """Return the state of a job by the ledger alone, as lists and pages show it."""
    return ledger_state(snapshot.record, infer_run(snapshot.record) if snapshot.triggered else Run(None))


def infer_run(job: JobRecord) -> Run:
    """Return the run that fits the ledger's facts; it is always in progress, because only Airflow knows when a run ends."""
    stages = STAGES[job.kind]
    finished = stages[: stages.index(job.finished) + 1] if job.finished else ()
    tasks = [TaskInstance(stage, TaskState.SUCCESS) for stage in finished if not (job.is_held and stage is job.stage)]
    if job.is_held and job.stage:
        tasks.append(TaskInstance(job.stage, TaskState.RUNNING))
    elif job.error:
        # First in the list, because an earlier try of the stage may have finished.
        state = TaskState.FAILED if job.error.final else TaskState.UP_FOR_RETRY
        tasks.insert(0, TaskInstance(job.error.stage, state, 1))
    return Run(RunState.RUNNING, tuple(tasks))
