"""How often the run of a job was changed in Airflow: what was read of the run before the last change is void"""

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
