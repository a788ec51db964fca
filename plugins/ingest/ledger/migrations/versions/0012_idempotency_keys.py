"""The keys with which clients mark an upload that they may send again"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("spool_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_idempotency_key_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("submitted_by", "key", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("spool_name", name=op.f("uq_idempotency_key_spool_name")),
    )
    op.create_index(op.f("ix_idempotency_key_job_id"), "idempotency_key", ["job_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_idempotency_key_job_id"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
