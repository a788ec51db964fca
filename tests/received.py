"""Jobs for the tests, made as the API makes them: first the upload is announced, then the job takes it."""

from sqlalchemy import Engine

from ingest import jobs, uploads
from ingest.jobs import Received
from ingest.spool import Announced


def create_job(engine: Engine, received: Received) -> None:
    """Commit a job; its file need not be there."""
    uploads.announce(engine, Announced(received.job_id, received.spool_name, received.size))
    jobs.create(engine, received)
