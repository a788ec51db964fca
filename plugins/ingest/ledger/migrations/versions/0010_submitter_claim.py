"""The submitter's id in the token of the user who sent a job"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("submitter_claim", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "submitter_claim")
