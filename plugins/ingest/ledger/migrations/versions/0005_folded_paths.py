"""The common digest of paths that differ only in case or in Unicode form"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file", sa.Column("folded", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("file", "folded")
