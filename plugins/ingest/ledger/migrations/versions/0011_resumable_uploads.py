"""Bundles that arrive in several requests"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload", sa.Column("token", sa.Text(), nullable=True))
    op.create_table(
        "resumable_upload",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("spool_name", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stop_requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("repr_digest", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("completed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token", name="pk_resumable_upload"),
        sa.UniqueConstraint("spool_name", name="uq_resumable_upload_spool_name"),
    )
    op.create_index("ix_resumable_upload_updated", "resumable_upload", ["updated"])


def downgrade() -> None:
    op.drop_table("resumable_upload")
    op.drop_column("upload", "token")
