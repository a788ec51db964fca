"""What a job waits for, until its next attempt"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("waiting", JSONB(), nullable=True))
    op.create_index("ix_job_waiting", "job", ["created", "id"], postgresql_where=sa.text("waiting IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_job_waiting", table_name="job")
    op.drop_column("job", "waiting")
