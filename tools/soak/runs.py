"""The runs in Airflow at the end of a soak: one for each job, and no other. Called by `soak`."""

from collections.abc import Iterator

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.ledger.job_snapshots import run_id
from ingest.ledger.models import Job
from ingest.states.stages import Kind
from tools.soak.journal import Journal
from tools.stack import Stack

PAGE = 100


def compare_runs(stack: Stack, engine: Engine, journal: Journal) -> None:
    """Compare the runs of both kinds with the jobs of the ledger."""
    for kind in Kind:
        with Session(engine) as session:
            jobs = {run_id(job_id): job_id for job_id in session.scalars(select(Job.id).where(Job.kind == kind))}
        runs = set(_runs(stack, kind))
        for missing in jobs.keys() - runs:
            journal.violate(jobs[missing], "has no run in Airflow")
        for stray in runs - jobs.keys():
            journal.violate(None, f"the run {stray} of {kind} is no job's")


def _runs(stack: Stack, kind: Kind) -> Iterator[str]:
    offset = 0
    while page := stack.request_airflow("GET", f"/dags/{kind}/dagRuns?limit={PAGE}&offset={offset}")["dag_runs"]:
        yield from (run["dag_run_id"] for run in page)
        offset += PAGE
