"""Read rows of the files of a job in batches, each in a short transaction, so that memory stays flat.

Called by `ingest.ledger.files`, `file_comparison` and `cataloged_jobs`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Row, bindparam, select, text, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.models import File

BATCH = 1000
# Rows are read from the table, not the model: an object for each of a million files takes as long as the query.
TABLE = File.metadata.tables[File.__tablename__]
# PostgreSQL has no statistics about a job that was just recorded, so its planner would sort all files of the job for each
# batch; without bitmap scans and incremental sorts it continues to read the index in order.
READ_IN_INDEX_ORDER = CompiledStatement(
    text("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_incremental_sort = off")
)
JOB_ID: BindParameter[int] = bindparam("job_id")
LAST: BindParameter[int] = bindparam("last")


class FileQuery:
    """Some columns of the rows of a job's files that match a condition.

    `order` is one of the columns, with values that are distinct within the job; each batch starts after the last value of
    the batch before.
    """

    def __init__(
        self,
        where: ColumnElement[bool],
        order: InstrumentedAttribute[Any] = File.id,
        columns: Iterable[Column[Any]] = TABLE.c,
    ) -> None:
        selected = select(*columns).where(where).order_by(File.job_id, order).limit(BATCH)
        self._order = order.key
        self._first = CompiledStatement(selected.where(_is_after(order, is_first=True)))
        self._next = CompiledStatement(selected.where(_is_after(order, is_first=False)))

    def read(
        self, open_transaction: Callable[[], AbstractContextManager[Session]], job_id: int, **parameters: object
    ) -> Iterator[Row[Any]]:
        """Return the rows, read a batch at a time; `parameters` are those of the condition."""
        statement, parameters = self._first, {"job_id": job_id, **parameters}
        while True:
            with open_transaction() as session:
                READ_IN_INDEX_ORDER.execute(session)
                found = statement.execute(session, **parameters).all()
            yield from found
            if len(found) < BATCH:
                return
            statement, parameters["last"] = self._next, getattr(found[-1], self._order)


def _is_after(order: InstrumentedAttribute[Any], *, is_first: bool) -> ColumnElement[bool]:
    if order is File.id:
        # Not `job_id = ...`: for a job with many of all files, the planner would then read the primary key from its start.
        return (tuple_(File.job_id, File.id) > tuple_(JOB_ID, 0 if is_first else LAST)) & (File.job_id <= JOB_ID)
    return (File.job_id == JOB_ID) & (true() if is_first else order > LAST)
