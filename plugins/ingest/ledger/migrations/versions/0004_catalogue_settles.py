"""The time until which the catalog may still process a transaction that was sent"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("catalogue_settles", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "catalogue_settles")
