"""Ends a run of housekeeping: notes what it did, and removes earlier runs that did nothing.

Called by the DAG `housekeeping` at the end of its task. Each day has 1,440 runs, of which few do anything. A run that did
something has a note in Airflow; one that succeeded without a note did nothing, and the next run removes it with its log.
Runs that failed stay, and so do runs that an operator triggered.

A process that is killed here leaves its own run, which failed, and the runs that it did not remove: the next one does.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.operations import task_logs
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.dag_ids import HOUSEKEEPING
from ingest.orchestrator.run_history import uneventful_runs
from ingest.settings.loading import load_settings
from ingest.system.failpoints import NO_JOB, failpoint

logger = logging.getLogger(__name__)


def end_run(run_id: str, counts: Mapping[str, int], logs: Path) -> None:
    """Note in the run what it did, if anything, and remove earlier runs that did nothing.

    Raises ServiceUnavailable if the note was not set: the run fails, so that it stays.
    """
    airflow = AirflowApi(load_settings())
    if note := _note(counts):
        airflow.set_note(HOUSEKEEPING, run_id, note)
    try:
        remove_uneventful(airflow, logs)
    except ServiceUnavailable as error:
        logger.warning("runs that did nothing stay until the next run: %s", error)


def remove_uneventful(airflow: AirflowApi, logs: Path) -> int:
    """Remove the newest runs that did nothing, with their logs; return how many were found. Raises ServiceUnavailable."""
    found = uneventful_runs(airflow, HOUSEKEEPING)
    for run_id in found:
        _remove(airflow, run_id, logs)
    return len(found)


def _note(counts: Mapping[str, int]) -> str:
    """Return a sentence such as "cleared: 2, resumed: 1", or "" if nothing was done."""
    return ", ".join(f"{action.replace('_', ' ')}: {count}" for action, count in sorted(counts.items()) if count)


def _remove(airflow: AirflowApi, run_id: str, logs: Path) -> None:
    # The log first: without its run, nothing would find it before it is old.
    task_logs.remove_run(logs, HOUSEKEEPING, run_id)
    failpoint("housekeeping.log_removed", NO_JOB)
    try:
        airflow.delete(HOUSEKEEPING, run_id)
    except RunChanged as error:
        logger.info("the run %s stays, because an operator started it again: %s", run_id, error)
    failpoint("housekeeping.run_removed", NO_JOB)
