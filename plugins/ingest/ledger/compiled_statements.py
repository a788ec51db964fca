"""Statements that are compiled when their module is imported, not when they are first executed.

Used for the statements of a stage. Each task is a fork, so it would compile them again, which takes longer than executing
them. Airflow's workers import the stages before they fork (`config/airflow_local_settings.py`). Also used for those of each
part of an upload, because SQLAlchemy takes longer to find a compiled statement than PostgreSQL to execute it.
"""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, CursorResult
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import CompilerElement

DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]


class CompiledStatement:
    """A statement whose parameters are its named `bindparam`s and, for INSERT and UPDATE, the columns `columns`.

    With `rows_per_read`, the result stays on the server and is read in parts of this number of rows.
    """

    def __init__(
        self, statement: CompilerElement, columns: Sequence[str] | None = None, *, rows_per_read: int | None = None
    ) -> None:
        compiled = cast(SQLCompiler, statement.compile(dialect=DIALECT, column_keys=columns))
        self.sql = str(compiled)
        self._options = {"yield_per": rows_per_read} if rows_per_read else None
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self._constants = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        processors = {name: bind.type.dialect_impl(DIALECT).bind_processor(DIALECT) for name, bind in binds.items()}
        # Such as that of JSON; psycopg2 itself converts most types, and all results.
        self._processors = {name: processor for name, processor in processors.items() if processor is not None}

    def execute(self, bind: Session | Connection, **parameters: object) -> CursorResult[*tuple[Any, ...]]:
        """Execute the statement on a connection, or in the transaction of a session after its pending changes."""
        if isinstance(bind, Session):
            bind.flush()
            bind = bind.connection()
        values = {**self._constants, **parameters}
        for name, process in self._processors.items():
            values[name] = process(values[name])
        return bind.exec_driver_sql(self.sql, values, self._options)
