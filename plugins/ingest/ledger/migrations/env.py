"""Run the migrations on the connection that `ingest.ledger.schema.upgrade_schema` has opened. Loaded by Alembic."""

from alembic import context

from ingest.ledger import locks
from ingest.ledger.locks import SharedLock
from ingest.ledger.models import Base

connection = context.config.attributes["connection"]
# Two services that start simultaneously must not both create the tables.
locks.acquire(connection, SharedLock.MIGRATION)
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
