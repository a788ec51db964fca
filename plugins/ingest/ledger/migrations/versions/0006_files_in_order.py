"""An index of the files of a job in the order in which they were recorded"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_file_job_id_file_id"), "file", ["job_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_file_job_id_file_id"), table_name="file")
