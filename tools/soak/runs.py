"""The runs in Airflow at the end of a soak: one for each job, and no other. Called by `soak`.

A job that was canceled before its run was triggered needs none.
"""

from collections.abc import Iterator

from sqlalchemy import Engine, not_, or_, select
from sqlalchemy.orm import Session

from ingest.ledger.job_predicates import IS_CANCELED
from ingest.ledger.job_snapshots import run_id
from ingest.ledger.models import Job
from ingest.states.stages import Kind
from tools.soak.journal import Journal
from tools.stack import Stack

PAGE = 100


def compare_runs(stack: Stack, engine: Engine, journal: Journal) -> None:
    """Compare the runs of both kinds with the jobs of the ledger."""
    for kind in Kind:
        runs = set(_runs(stack, kind))
        for job_id in jobs_with_runs(engine, kind):
            if run_id(job_id) not in runs:
                journal.violate(job_id, "has no run in Airflow")
        with Session(engine) as session:
            known = {run_id(job_id) for job_id in session.scalars(select(Job.id).where(Job.kind == kind))}
        for stray in runs - known:
            journal.violate(None, f"the run {stray} of {kind} is no job's")


def jobs_with_runs(engine: Engine, kind: Kind) -> list[int]:
    """Return the jobs that must have a run."""
    needs_run = or_(Job.triggered.is_not(None), not_(IS_CANCELED))
    with Session(engine) as session:
        return list(session.scalars(select(Job.id).where(Job.kind == kind, needs_run)))


def _runs(stack: Stack, kind: Kind) -> Iterator[str]:
    offset = 0
    while page := stack.request_airflow("GET", f"/dags/{kind}/dagRuns?limit={PAGE}&offset={offset}")["dag_runs"]:
        yield from (run["dag_run_id"] for run in page)
        offset += PAGE
