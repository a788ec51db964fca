"""The tables of the ledger and of the built-in services"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("job_id_seq")))
    op.execute(sa.schema.CreateSequence(sa.Sequence("file_id_seq")))
    op.create_table(
        "catalogue_transaction",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_transaction")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("spool_name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("triggered", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("percent", sa.Double(), server_default="0", nullable=False),
        sa.Column("finished", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("rejection", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("override", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("clears", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_state", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("metadata_offset", sa.BigInteger(), nullable=True),
        sa.Column("metadata_size", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_outcome_job_created"), "job", ["outcome", "created"], unique=False)
    op.create_table(
        "catalogue_entry",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("entry", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["catalogue_transaction.id"], name=op.f("fk_catalogue_entry_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_entry")),
    )
    op.create_index(op.f("ix_catalogue_entry_transaction_id"), "catalogue_entry", ["transaction_id"], unique=False)
    op.create_table(
        "catalogue_file",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("entry", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["catalogue_transaction.id"], name=op.f("fk_catalogue_file_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_file")),
    )
    op.create_index(op.f("ix_catalogue_file_transaction_id"), "catalogue_file", ["transaction_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_event_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_job_id"), "event", ["job_id"], unique=False)
    op.create_table(
        "file",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=True),
        sa.Column("found_size", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("hash_type", sa.Text(), nullable=True),
        sa.Column("hash_sum", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("inode", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_file_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("file_id", name=op.f("uq_file_file_id")),
    )
    op.create_index("uq_file_job_id_path", "file", ["job_id", sa.text("md5(path)")], unique=True)
    op.create_index(op.f("ix_file_job_id_file_position"), "file", ["job_id", "position"], unique=False)


def downgrade() -> None:
    op.drop_index("uq_file_job_id_path", table_name="file")
    op.drop_index(op.f("ix_file_job_id_file_position"), table_name="file")
    op.drop_table("file")
    op.drop_index(op.f("ix_event_job_id"), table_name="event")
    op.drop_table("event")
    op.drop_index(op.f("ix_catalogue_file_transaction_id"), table_name="catalogue_file")
    op.drop_table("catalogue_file")
    op.drop_index(op.f("ix_catalogue_entry_transaction_id"), table_name="catalogue_entry")
    op.drop_table("catalogue_entry")
    op.drop_index(op.f("ix_job_outcome_job_created"), table_name="job")
    op.drop_table("job")
    op.drop_table("catalogue_transaction")
    op.execute(sa.schema.DropSequence(sa.Sequence("file_id_seq")))
    op.execute(sa.schema.DropSequence(sa.Sequence("job_id_seq")))
