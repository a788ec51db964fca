"""The folders of the built-in archive, with the ids in their markers; free space in the pages of files"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive_folder",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_archive_folder")),
    )
    # For new pages only, so the table is not rewritten.
    op.execute("ALTER TABLE file SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE file RESET (fillfactor)")
    op.drop_table("archive_folder")
