"""Statements that are compiled once do what SQLAlchemy does with the same statements when a session executes them."""

import pytest
from sqlalchemy import ARRAY, BigInteger, Engine, any_, bindparam, event, select, update

from ingest.ledger import jobs
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import transaction
from ingest.ledger.job_snapshots import to_snapshot
from ingest.ledger.models import Job

OF_JOB = Job.id == bindparam("job_id")
SET_ERROR = CompiledStatement(update(Job).where(OF_JOB), ["error", "waiting"])


def test_json_is_written_as_json_and_none_as_null(database_engine: Engine, job_id: int):
    error = {"stage": "open_tar", "code": "tar_invalid", "text": "100% of 'it'", "final": False}
    is_null = select(Job.waiting.is_(None)).where(Job.id == job_id)
    with transaction(database_engine) as session:
        SET_ERROR.execute(session, job_id=job_id, error=error, waiting=None)
        assert session.scalar(is_null) is True
        assert session.get_one(Job, job_id).error == error


def test_constants_of_a_statement_are_its_parameters_too(database_engine: Engine, job_id: int):
    statement = CompiledStatement(select(Job.id).where(OF_JOB, Job.kind == "ingest").limit(1))
    with transaction(database_engine) as session:
        assert statement.execute(session, job_id=job_id).scalar() == job_id


def test_parameter_that_is_not_given_is_an_error(database_engine: Engine):
    with transaction(database_engine) as session, pytest.raises(KeyError, match="error"):
        SET_ERROR.execute(session, job_id=1)


def test_pending_changes_of_objects_are_written_first(database_engine: Engine, job_id: int):
    statement = CompiledStatement(select(Job.clears).where(OF_JOB))
    with transaction(database_engine) as session:
        session.get_one(Job, job_id).clears = 3
        assert statement.execute(session, job_id=job_id).scalar() == 3


def test_rows_are_read_from_the_server_in_parts(database_engine: Engine):
    numbers = CompiledStatement(
        select(any_(bindparam("numbers", type_=ARRAY(BigInteger))) == 1).limit(1), rows_per_read=10
    )
    cursors: list[object] = []

    def record(_connection: object, cursor: object, *_: object) -> None:
        cursors.append(getattr(cursor, "name", None))

    event.listen(database_engine, "after_cursor_execute", record)
    try:
        with transaction(database_engine) as session:
            assert numbers.execute(session, numbers=[1, 2]).scalars().all() == [True]
    finally:
        event.remove(database_engine, "after_cursor_execute", record)
    assert cursors[-1] is not None


def test_row_that_is_read_equals_the_object_of_a_session(database_engine: Engine, job_id: int):
    with transaction(database_engine) as session:
        expected = to_snapshot(jobs.get_job(session, job_id))
        for read in (jobs.read_row, jobs.lock_row):
            row = read(session, job_id)
            assert to_snapshot(row) == expected
            assert row not in session
