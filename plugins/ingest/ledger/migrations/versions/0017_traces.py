"""The span of the request that a job, or an upload in parts, began with"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("traceparent", sa.Text(), nullable=True))
    op.add_column("resumable_upload", sa.Column("traceparent", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("resumable_upload", "traceparent")
    op.drop_column("job", "traceparent")
