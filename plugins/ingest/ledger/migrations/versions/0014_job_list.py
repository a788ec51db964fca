"""What lists of jobs show and select by: project, instrument, files, bytes, the end, and the code of the error"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ENDED = """CASE WHEN outcome = 'catalogued' THEN 'complete'
    WHEN rejection ->> 'code' = 'canceled' OR override ->> 'state' = 'FAILED' OR error ->> 'final' = 'true'
        OR last_state ->> 'state' = 'FAILED' THEN 'failed' END"""
ERROR_CODE = """CASE WHEN outcome = 'catalogued' THEN NULL
    WHEN rejection ->> 'code' = 'canceled' THEN 'canceled'
    WHEN override ->> 'state' = 'FAILED' THEN 'job_overridden' ELSE error ->> 'code' END"""
NAMES = ("submitted_by", "project", "instrument")
INDEXES = {
    "ix_job_list": (),
    "ix_job_list_kind": ("kind",),
    "ix_job_list_ended": ("ended",),
    "ix_job_list_user_ended": ("submitted_by", "ended"),
}
# For jobs that were received before this version. Only their metadata names project and instrument, which stay unknown.
COUNT_FILES = """UPDATE job SET files = counted.files, bytes = counted.bytes
    FROM (SELECT job_id, count(*) AS files, coalesce(sum(size), 0) AS bytes FROM file
          WHERE state <> 'skipped' AND position IS NOT NULL GROUP BY job_id) AS counted
    WHERE counted.job_id = job.id"""


def upgrade() -> None:
    for name in ("project", "instrument"):
        op.add_column("job", sa.Column(name, sa.Text(), nullable=True))
    for name in ("files", "bytes"):
        op.add_column("job", sa.Column(name, sa.BigInteger(), nullable=True))
    for name, expression in (("ended", ENDED), ("error_code", ERROR_CODE)):
        op.add_column("job", sa.Column(name, sa.Text(), sa.Computed(expression, persisted=True), nullable=True))
    op.execute(COUNT_FILES)
    for name, columns in INDEXES.items():
        op.create_index(name, "job", [*columns, "created", "id"])
    where = sa.text("error_code IS NOT NULL")
    op.create_index("ix_job_list_code", "job", ["error_code", "created", "id"], postgresql_where=where)
    for name in NAMES:
        order = {name: "text_pattern_ops"}
        op.create_index(f"ix_job_list_{name}", "job", [name, "created", "id"], postgresql_ops=order)


def downgrade() -> None:
    for name in (*INDEXES, "ix_job_list_code", *(f"ix_job_list_{name}" for name in NAMES)):
        op.drop_index(name, table_name="job")
    for name in ("error_code", "ended", "bytes", "files", "instrument", "project"):
        op.drop_column("job", name)
