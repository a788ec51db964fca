"""The user of an upload, and an index of each user's jobs whose bundle is in the spool"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload", sa.Column("submitted_by", sa.Text(), nullable=True))
    op.create_index(
        "ix_job_in_spool",
        "job",
        ["submitted_by", "created", "id"],
        unique=False,
        postgresql_where=sa.text("spool_name <> ''"),
    )


def downgrade() -> None:
    op.drop_index("ix_job_in_spool", table_name="job")
    op.drop_column("upload", "submitted_by")
