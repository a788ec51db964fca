"""### Ingest: archive a bundle

One run is one job (`job-<id>`): a tar that an uploader has sent and that the API has written to the spool. Each task is a
stage. The documentation of a task says what the stage does, why it fails, and what an admin does about it.
"""

from airflow.sdk import chain, dag
from stage_tasks import RUNBOOK, job_dag, stage_tasks

from ingest.states.stages import Kind


@dag(doc_md=f"{__doc__}\n{RUNBOOK}", **job_dag(Kind.INGEST))
def ingest() -> None:
    """Wire the stages of a bundle, in the order of `ingest.states.stages.STAGES`."""
    chain(*stage_tasks(Kind.INGEST))


ingest()
