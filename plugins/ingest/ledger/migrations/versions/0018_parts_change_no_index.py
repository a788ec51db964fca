"""Parts of resumable uploads change no index"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_resumable_upload_updated", table_name="resumable_upload")


def downgrade() -> None:
    op.create_index("ix_resumable_upload_updated", "resumable_upload", ["updated"])
