"""### Move: archive files that are already on the facility's storage

One run is one job (`job-<id>`): a document that names files in folders that the archive can take them from. Each task is a
stage. The documentation of a task says what the stage does, why it fails, and what an admin does about it.
"""

from airflow.sdk import chain, dag
from stage_tasks import RUNBOOK, job_dag, stage_tasks

from ingest.states.stages import Kind


@dag(doc_md=f"{__doc__}\n{RUNBOOK}", **job_dag(Kind.MOVE))
def move() -> None:
    """Wire the stages of a move, in the order of `ingest.states.stages.STAGES`."""
    chain(*stage_tasks(Kind.MOVE))


move()
