"""Run by Alembic, on the connection that `ingest.ledger.database.upgrade_schema` hands over."""

from alembic import context

from ingest.ledger.models import Base

# One migration at a time, whoever starts it: two services that start at once must not both make the tables.
# Two numbers, because locks of one number are those of the jobs.
MIGRATION_LOCK = "0, 8066"

connection = context.config.attributes["connection"]
connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
