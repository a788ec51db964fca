"""Totals of events and of requests to services, for metrics; an index of failed jobs by code"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_total",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("event", "kind", "stage", "code")),
        sa.Column("upper_bound", sa.Float(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("count", "files", "bytes")),
        sa.Column("seconds", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("event", "kind", "stage", "code", "upper_bound", name=op.f("pk_event_total")),
    )
    op.create_table(
        "event_total_position",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("counted_id", sa.BigInteger(), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False),
        sa.Column("next_transaction", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_total_position")),
    )
    op.create_table(
        "service_request_total",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("service", "method", "status")),
        sa.Column("upper_bound", sa.Float(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("service", "method", "status", "upper_bound", name=op.f("pk_service_request_total")),
    )
    op.create_index("ix_job_failed", "job", ["kind", "error_code"], postgresql_where=sa.text("ended = 'failed'"))


def downgrade() -> None:
    op.drop_index("ix_job_failed", table_name="job")
    op.drop_table("service_request_total")
    op.drop_table("event_total_position")
    op.drop_table("event_total")
