"""The number of members of a bundle that are not part of the job because its metadata does not list them"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("skipped_members", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("job", "skipped_members")
