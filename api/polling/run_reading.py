"""Read the run of a job for one answer: from the ledger, or as Airflow said last. Used by `api.routes.state`."""

import logging
from dataclasses import dataclass

from api.polling.recent_runs import run_key
from api.resources import Resources
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.inferred_run import infer_recent_run, infer_run
from ingest.states.airflow import Run
from ingest.states.job_record import JobStatus, Outcome

logger = logging.getLogger(__name__)

# How often a job is read until it does not change while its ended run is looked up.
READINGS = 3


@dataclass(frozen=True)
class RunReading:
    """A run as it is known, None where the last known state is answered; `is_certain` unless it only fits the ledger."""

    run: Run | None
    is_certain: bool


LAST_STATE = RunReading(None, is_certain=False)


def needs_run(snapshot: JobSnapshot) -> bool:
    """Whether the ledger alone does not say what the job's state is."""
    return snapshot.record.outcome is not Outcome.CATALOGED and snapshot.record.override is None


def read_with_run(resources: Resources, snapshot: JobSnapshot) -> tuple[JobSnapshot, RunReading]:
    """Return a job with its run; a run that has ended is older than what is returned of the job.

    Else a job that was cataloged in between would look as if its run had ended without it.
    """
    reading = read_run(resources, snapshot)
    for _ in range(READINGS):
        if reading.run is None or not reading.run.has_ended:
            break
        seen, snapshot = snapshot, resources.reads.read(snapshot.received.job_id)
        if run_key(snapshot) == run_key(seen) or not needs_run(snapshot):
            break
        reading = read_run(resources, snapshot)
    return snapshot, reading


def read_run(resources: Resources, snapshot: JobSnapshot) -> RunReading:
    """Return a job's run as the ledger or Airflow said last.

    Before Airflow's first answer the ledger alone says how far the job is; but a job whose end is known already is not shown
    as one that goes on.
    """
    if snapshot.triggered is None:
        return RunReading(Run(None), is_certain=True)
    try:
        run = infer_recent_run(snapshot) or resources.runs.run(snapshot)
    except ServiceUnavailable as error:
        logger.warning("job %d: the last known state is answered: %s", snapshot.received.job_id, error.text)
        return LAST_STATE
    if run is not None:
        return RunReading(run, is_certain=True)
    last = snapshot.record.last
    if last is not None and last.state == JobStatus.FAILED:
        return LAST_STATE
    return RunReading(infer_run(snapshot.record), is_certain=False)
