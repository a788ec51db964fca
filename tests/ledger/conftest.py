"""A job that was just received, for the tests of this folder."""

import pytest
from sqlalchemy import Engine

from tests.ledger.job_rows import next_id, received
from tests.received import create_job


@pytest.fixture
def job_id(database_engine: Engine) -> int:
    job = next(next_id)
    create_job(database_engine, received(job))
    return job
