"""Find the run of a job for one answer: inferred from the ledger, or as Airflow reported it last.

Used by `api.routes.state`.
"""

import logging
from dataclasses import dataclass

from api.polling.batched_reads import BatchedReads
from api.polling.polled_job import run_key
from api.polling.recent_runs import RecentRuns
from api.resources import Resources
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.inferred_run import infer_recent_run, infer_run
from ingest.states.airflow import Run
from ingest.states.job_record import JobStatus

logger = logging.getLogger(__name__)

# How often a job is read again when it changes while its ended run is looked up.
MAX_READS = 3


@dataclass(frozen=True)
class RunReading:
    """A run, or None if the answer is the job's last known state.

    `is_certain` is False for a run that is only consistent with the ledger.
    """

    run: Run | None
    is_certain: bool


LAST_STATE = RunReading(None, is_certain=False)


def needs_run(snapshot: JobSnapshot) -> bool:
    """Return whether the job's state depends on its run, not on the ledger alone."""
    record = snapshot.record
    return not (record.is_cataloged or record.is_canceled or record.override)


def read_with_run(resources: Resources, snapshot: JobSnapshot) -> tuple[JobSnapshot, RunReading]:
    """Return a job with its run. If the run has ended, the job was read after it.

    Otherwise a job that was cataloged in between would look as if its run had ended without cataloging it.
    """
    reading = read_run(resources, snapshot)
    for _ in range(MAX_READS):
        if reading.run is None or not reading.run.has_ended:
            break
        previous, snapshot = snapshot, resources.get(BatchedReads).read(snapshot.received.job_id)
        if run_key(snapshot) == run_key(previous) or not needs_run(snapshot):
            break
        reading = read_run(resources, snapshot)
    return snapshot, reading


def read_run(resources: Resources, snapshot: JobSnapshot) -> RunReading:
    """Return a job's run as the ledger implies it or as Airflow reported it last.

    Before Airflow's first answer the progress follows from the ledger alone, but a job that is known to have failed is not
    shown as running.
    """
    if snapshot.triggered is None:
        return RunReading(Run(None), is_certain=True)
    try:
        run = infer_recent_run(snapshot) or resources.get(RecentRuns).run(snapshot)
    except ServiceUnavailable as error:
        logger.warning("job %d: answering the last known state: %s", snapshot.received.job_id, error.text)
        return LAST_STATE
    if run is not None:
        return RunReading(run, is_certain=True)
    last = snapshot.record.last
    if last is not None and last.state == JobStatus.FAILED:
        return LAST_STATE
    return RunReading(infer_run(snapshot.record), is_certain=False)
