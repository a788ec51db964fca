"""A job that was just received, for the tests of this folder."""

import pytest
from sqlalchemy import Engine

from tests.job_creation import create_job
from tests.ledger.job_rows import next_id, received


@pytest.fixture
def job_id(database_engine: Engine) -> int:
    job = next(next_id)
    create_job(database_engine, received(job))
    return job
