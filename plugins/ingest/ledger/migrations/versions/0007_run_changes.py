"""The number of changes of a job's run in Airflow: runs read before the last change are outdated"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("run_changes", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("job", "run_changes")
