"""The webhooks, and the notifications that wait for them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "webhook",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("users", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("created", time, server_default=sa.text("now()"), nullable=False),
        sa.Column("removed", time, nullable=True),
        sa.Column("disabled", time, nullable=True),
        sa.Column("paused_until", time, nullable=True),
        sa.Column("last_success", time, nullable=True),
        sa.Column("last_failure", time, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhook")),
    )
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_try", time, nullable=False),
        sa.Column("created", time, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended", time, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_notification_event_id")),
        sa.ForeignKeyConstraint(
            ["webhook"], ["webhook.name"], name=op.f("fk_notification_webhook"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_notification_due", "notification", ["webhook", "next_try", "id"], postgresql_where=waiting)
    op.create_index("ix_notification_of_job", "notification", ["webhook", "job_id", "id"], postgresql_where=waiting)
    op.create_index(op.f("ix_notification_webhook_notification_created"), "notification", ["webhook", "created"])


def downgrade() -> None:
    op.drop_table("notification")
    op.drop_table("webhook")
