"""The table of uploads; events of uploads that never became jobs; no spool name for bundles that were removed"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FORGET_FREED = """
    UPDATE job SET spool_name = ''
    WHERE outcome = 'catalogued' AND id IN (SELECT job_id FROM event WHERE kind = 'spool_freed')
"""


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("spool_name", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("started", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("spool_name", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_job_id"), "upload", ["job_id"], unique=False)
    op.drop_constraint(op.f("fk_event_job_id"), "event", type_="foreignkey")
    op.execute(FORGET_FREED)


def downgrade() -> None:
    op.execute("DELETE FROM event WHERE job_id NOT IN (SELECT id FROM job)")
    op.create_foreign_key(op.f("fk_event_job_id"), "event", "job", ["job_id"], ["id"], ondelete="CASCADE")
    op.drop_index(op.f("ix_upload_job_id"), table_name="upload")
    op.drop_table("upload")
