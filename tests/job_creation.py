"""Creates jobs for tests as the API does: first the upload's row, then the job's."""

from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received
from ingest.ledger.models import Upload


def create_job(engine: Engine, received: Received) -> None:
    """Commit a job; its file and free space for it need not exist."""
    with transaction(engine) as session:
        session.add(Upload(spool_name=received.spool_name, job_id=received.job_id, size=received.size))
    jobs.create(engine, received)
