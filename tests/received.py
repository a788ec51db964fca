"""Jobs for the tests, made as the API makes them: first the upload is announced, then the job takes it."""

from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received
from ingest.ledger.models import Upload


def create_job(engine: Engine, received: Received) -> None:
    """Commit a job; its file need not be there, nor the room for it."""
    with transaction(engine) as session:
        session.add(Upload(spool_name=received.spool_name, job_id=received.job_id, size=received.size))
    jobs.create(engine, received)
