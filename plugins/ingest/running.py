"""A job's run in Airflow: starting it, starting the rest of it again, and ending it by an admin's hand.

Called by the API, housekeeping and the command line.
"""

from sqlalchemy import Engine

from ingest import jobs, user_jobs
from ingest.airflow_api import AirflowApi
from ingest.failpoints import failpoint
from ingest.jobs import JobView, Received, run_id
from ingest.printing import one_line
from ingest.states import FAILED, STAGES, JobState, Run, first_unfinished


def trigger(engine: Engine, airflow: AirflowApi, received: Received) -> None:
    """Trigger a job's run; one that exists already is as good. Raises ServiceUnavailable, DatabaseUnavailable.

    A process that dies between the two has triggered the run, and housekeeping finds it by its id.
    """
    conf = {
        "job_id": received.job_id,
        "user": one_line(received.user),
        "kind": received.kind.value,
        "bytes": received.size,
    }
    place = user_jobs.place_in_line(engine, received.job_id)
    airflow.trigger(received.kind, run_id(received.job_id), conf, place)
    failpoint("run.triggered", received.job_id)
    jobs.mark_triggered(engine, received.job_id)


def clear_unfinished(airflow: AirflowApi, job: JobView, run: Run) -> None:
    """Clear the first stage that the ledger lacks and all behind it, whatever Airflow thinks of them.

    From an earlier one when Airflow does not hold it as a success, although the ledger does: a process may have finished
    its stage after Airflow had given it up, and behind a failed task no other one would run.
    """
    stages = STAGES[job.record.kind]
    unfinished = first_unfinished(job.record)
    first = next(stage for stage in stages if stage is unfinished or run.task(stage).state != "success")
    airflow.clear(job.record.kind, job.run_id, [stage.value for stage in stages[stages.index(first) :]])


def retry(engine: Engine, airflow: AirflowApi, job_id: int) -> None:
    """Let a job go on: lift an override, clear what is unfinished, trigger the run where there is none.

    Raises UnknownJob, JobFinished, ServiceUnavailable. May be repeated.
    """
    job = jobs.lift_override(engine, job_id)
    failpoint("retry.lifted", job_id)
    run = airflow.run(job.received.kind, job.run_id)
    if run.state is None:
        trigger(engine, airflow, job.received)
    else:
        clear_unfinished(airflow, job, run)


def set_state(engine: Engine, airflow: AirflowApi, job_id: int, state: JobState) -> None:
    """Set a job's state by an admin's hand; FAILED also fails the run. Raises UnknownJob, JobFinished.

    The override is committed first: a process that dies before the run is failed leaves a job whose stages cannot begin.
    """
    job = jobs.override(engine, job_id, state)
    failpoint("set_state.overridden", job_id)
    if state.state == FAILED:
        airflow.fail(job.received.kind, job.run_id)
