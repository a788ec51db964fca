"""Compiled UPDATEs of columns of a job's row. Called by `ingest.ledger.lease`, in transactions that hold the fence."""

from functools import cache

from sqlalchemy import ClauseElement, bindparam, func, update
from sqlalchemy.orm import Session

from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.job_rows import JOB
from ingest.states.job_state import DONE

RELEASED: dict[str, object] = {"percent": DONE, "error": None, "waiting": None, "holder": None, "clears": 0}
# The columns that stages update together. Other updates are compiled when they are first executed.
COLUMNS_OF_STAGES = (
    ("finished", *RELEASED),
    ("metadata_offset", "metadata_size"),
    ("project", "instrument"),
    ("files", "bytes"),
    ("outcome",),
    ("spool_name",),
)


def update_columns(session: Session, job_id: int, values: dict[str, object], *, touch: bool = True) -> None:
    """Set columns of a job's row to values or SQL expressions; `touch` also sets the time of its last update."""
    if any(isinstance(value, ClauseElement) for value in values.values()):
        changed = {**values, "updated": func.now()} if touch else values
        session.execute(update(JOB).where(JOB.c.id == job_id).values(changed))
    else:
        _statement(*values, touch=touch).execute(session, job_id=job_id, **values)


@cache
def _statement(*columns: str, touch: bool) -> CompiledStatement:
    job = update(JOB).where(JOB.c.id == bindparam("job_id"))
    return CompiledStatement(job.values(updated=func.now()) if touch else job, columns)


for _column in ("finished", "skipped_members"):
    _statement(_column, touch=False)
for _columns in COLUMNS_OF_STAGES:
    _statement(*_columns, touch=True)
