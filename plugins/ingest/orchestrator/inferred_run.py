"""Infers a job's run from the ledger, for the time in which Airflow is not queried or has not answered yet.

Called by the API for every poll of a job.
"""

from ingest.ledger.jobs import JobSnapshot
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import JobRecord
from ingest.states.stages import STAGES

# What Airflow alone knows (a Clear, a worker that was killed) may be seen this late.
LEDGER_TRUST_SECONDS = 2.0


def expected_run(snapshot: JobSnapshot) -> Run | None:
    """Give the run of a job that has gone on in the last seconds; None when that is longer ago, or something went wrong."""
    silent_for = (snapshot.seen - snapshot.updated).total_seconds()
    # Less than nothing when the database's clock was set back: then nobody knows.
    if snapshot.record.error or not 0 <= silent_for < LEDGER_TRUST_SECONDS:
        return None
    return presumed_run(snapshot.record)


def presumed_run(job: JobRecord) -> Run:
    """Return the run that fits what the ledger holds of a job; it has never ended, because only Airflow knows the end."""
    stages = STAGES[job.kind]
    finished = stages[: stages.index(job.finished) + 1] if job.finished else ()
    tasks = [TaskInstance(stage, "success") for stage in finished if not (job.is_held and stage is job.stage)]
    if job.is_held and job.stage:
        tasks.append(TaskInstance(job.stage, "running"))
    elif job.error:
        # First, because an earlier try of the stage may have finished.
        tasks.insert(0, TaskInstance(job.error.stage, "failed" if job.error.final else "up_for_retry", 1))
    return Run("running", tuple(tasks))
