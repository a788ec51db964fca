"""The table of jobs, and compiled statements that read or lock one of its rows. Called by `ingest.ledger.jobs`.

`ingest.ledger.job_updates` and `job_acquisition` write to the table.
"""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.models import Job

JOB = Job.metadata.tables[Job.__tablename__]
# Each attribute of a `Job` under its own name.
_ROW = select(*(getattr(Job, attribute.key).label(attribute.key) for attribute in Job.__mapper__.column_attrs)).where(
    Job.id == bindparam("job_id")
)
READ = CompiledStatement(_ROW)
LOCK = CompiledStatement(_ROW.with_for_update())


def find_row(session: Session, statement: CompiledStatement, job_id: int) -> Job | None:
    """Return a job's row, read with one of the statements, as an object that is not part of the session."""
    row = statement.execute(session, job_id=job_id).first()
    return Job(**row._mapping) if row else None
