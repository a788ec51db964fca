"""Decides which state of a job clients see (`job_state`), and whether Airflow has lost its run.

The API calls `job_state` for every answer about a job; housekeeping calls `lost_by_airflow` and `lost_for_good`. The
functions depend only on the ledger's facts (`JobRecord`) and Airflow's report (`Run`): they use no clock, database or
network.
"""

from ingest.states.airflow import RUNNING_STATES, Run, RunState, TaskState
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, Phase
from ingest.states.stages import STAGES, Stage

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


def job_state(job: JobRecord, run: Run | None) -> JobState:
    """Return the state of a job; `run` is None when Airflow does not respond.

    The rules are the rows of the table "How the state is found" in the documentation of the API, in their order; the
    first that matches wins.
    """
    if settled := _settled(job) or _for_a_service(job, run):
        return settled
    if run is None:
        return job.last or received()
    if run.state is None:
        return _without_run(job)
    rules = (_failed_before, _running, _waiting, _failed, _ended)
    return next((state for rule in rules if (state := rule(job, run))), None) or _between(job, run)


def received() -> JobState:
    """Return the state of a job that was received and has not started."""
    return _ok(RECEIVED_LABEL, 0.0)


def failed(stage: Stage, text: str) -> JobState:
    """Return the state of a job that continues only after a retry."""
    return JobState(JobStatus.FAILED, stage.label, 0.0, text, complete=True)


def ledger_state(job: JobRecord, run: Run) -> JobState:
    """Return the state of a job that lists show: by the ledger alone, with a run that is inferred from it.

    A failed job is shown as failed, whatever the run; until its run has ended, `job_state` does not show it as failed yet.
    """
    if job.phase is not Phase.FAILED:
        return job_state(job, run)
    if settled := _settled(job):
        return settled
    if job.error is not None and job.error.final:
        return failed(job.error.stage, job.error.text)
    return job.last or received()


def phase_of(job: JobRecord, run: Run | None, state: JobState) -> Phase:
    """Return the phase of a job whose state was found with its run in Airflow, None if Airflow does not respond."""
    if state.complete:
        return Phase.COMPLETE if state.state == JobStatus.OK else Phase.FAILED
    is_working = job.phase is Phase.RUNNING if run is None else run.is_working
    return Phase.RUNNING if is_working else Phase.WAITING


def first_unfinished(job: JobRecord) -> Stage:
    """Return the first stage that the ledger does not hold as finished."""
    stages = STAGES[job.kind]
    if job.finished is None:
        return stages[0]
    return stages[min(stages.index(job.finished) + 1, len(stages) - 1)]


def lost_by_airflow(job: JobRecord, run: Run) -> bool:
    """Return whether a run failed or broke although the job did not fail, so that housekeeping restarts it."""
    return _is_lost(job, run) and not _given_up(job)


def lost_for_good(job: JobRecord, run: Run) -> bool:
    """Return whether Airflow lost a run that housekeeping has already restarted as often as it may."""
    return _is_lost(job, run) and _given_up(job)


def _is_lost(job: JobRecord, run: Run) -> bool:
    if not job.is_unfinished:
        return False
    return run.state == RunState.FAILED or run.is_broken


def _given_up(job: JobRecord) -> bool:
    """Return whether housekeeping no longer clears the job; a rejection is always carried out to its end."""
    return job.clears >= CLEARS_ALLOWED and job.outcome is not Outcome.REJECTING


def _ok(label: str, percent: float, text: str = "") -> JobState:
    return JobState(JobStatus.OK, label, percent, text, complete=False)


def _settled(job: JobRecord) -> JobState | None:
    """Return the state of a job that Airflow cannot change: cataloged, canceled, or set by an admin."""
    if job.is_cataloged:
        return JobState(JobStatus.OK, Stage.INGEST_METADATA.label, DONE, "", complete=True)
    if job.is_canceled:
        return failed(job.error.stage if job.error else first_unfinished(job), job.cancellation)
    return job.override


def _for_a_service(job: JobRecord, run: Run | None) -> JobState | None:
    """Return the state of a job that waits for its next attempt, whose run may have ended in Airflow meanwhile."""
    if job.waiting is None or job.error is None or not job.is_waiting:
        return None
    if run is not None and (run.is_working or run.state == RunState.SUCCESS):
        return None
    return _ok(job.error.stage.label, _progress(job, job.error.stage), job.waiting.sentence)


def _without_run(job: JobRecord) -> JobState:
    if job.error and job.error.final:
        return failed(job.error.stage, job.error.text)
    return job.last or received()


def _failed_before(job: JobRecord, run: Run) -> JobState | None:
    """Return the final error that a client has already received, for a run that another process read before its end."""
    was_failed = job.last is not None and job.last.state == JobStatus.FAILED
    if job.error is None or not job.error.final or job.is_held or not was_failed:
        return None
    # Any other state of the task is that after a Clear.
    is_ending = run.task(job.error.stage).state in {*RUNNING_STATES, TaskState.FAILED}
    return failed(job.error.stage, job.error.text) if is_ending else None


def _running(job: JobRecord, run: Run) -> JobState | None:
    for stage in STAGES[job.kind]:
        if run.task(stage).state in RUNNING_STATES:
            return _ok(stage.label, _progress(job, stage))
    return None


def _waiting(job: JobRecord, run: Run) -> JobState | None:
    if run.has_ended:
        return None
    for stage in STAGES[job.kind]:
        if run.task(stage).waits_for_another_try:
            text = job.error.text if job.error and job.error.stage is stage else ""
            return _ok(stage.label, _progress(job, stage), text)
    return None


def _failed(job: JobRecord, run: Run) -> JobState | None:
    if job.error is None or not job.error.final:
        return None
    stage = job.error.stage
    if run.has_ended:
        return failed(stage, job.error.text)
    if run.task(stage).state == TaskState.FAILED or stage in run.missing:
        # Airflow forgets a Clear that precedes the end of the run, so the job is not shown as FAILED before that end.
        return _ok(stage.label, _progress(job, stage), job.error.text)
    return None


def _ended(job: JobRecord, run: Run) -> JobState | None:
    stage = first_unfinished(job)
    if run.state == RunState.SUCCESS and not run.is_broken:
        return failed(stage, SKIPPED_TEXT)
    has_failed = run.state == RunState.FAILED or any(
        run.task(each).state == TaskState.FAILED for each in STAGES[job.kind]
    )
    if not (has_failed or run.is_broken):
        return None
    if _given_up(job):
        return failed(stage, GIVEN_UP_TEXT)
    return _ok(stage.label, 0.0, MISSING_TEXT if run.is_broken else LOST_TEXT)


def _between(job: JobRecord, run: Run) -> JobState:
    # Without the last stage: its label with 100 % means "complete" to the stock client, and only the ledger may report that.
    succeeded = [stage for stage in STAGES[job.kind][:-1] if run.task(stage).state == TaskState.SUCCESS]
    if not succeeded:
        return received()
    return _ok(succeeded[-1].label, DONE)


def _progress(job: JobRecord, stage: Stage) -> float:
    return min(job.percent, ALMOST_DONE) if job.stage is stage else 0.0
