"""What a client says about an upload: its metadata by tus, and whether the bundle ends with the last announced byte"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("resumable_upload", sa.Column("metadata", sa.Text(), nullable=True))
    op.add_column(
        "resumable_upload", sa.Column("ends_at_length", sa.Boolean(), server_default=sa.true(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("resumable_upload", "ends_at_length")
    op.drop_column("resumable_upload", "metadata")
