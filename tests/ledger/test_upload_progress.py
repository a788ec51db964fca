"""The row of a resumable upload, which each part changes."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from ingest.ledger import resumable_uploads, upload_progress
from ingest.ledger.database import transaction
from ingest.ledger.upload_progress import Declaration
from ingest.ledger.user_shares import NO_LIMITS
from ingest.spool import Announced
from tests.ledger.job_rows import next_id

PARTS = 10
# PostgreSQL changes a row without a new entry in any index ("heap-only tuple") if its page has space left.
UPDATES = text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'resumable_upload'")
AGE = text("UPDATE resumable_upload SET updated = now() - make_interval(mins => :minutes) WHERE job_id = :job")


def test_parts_add_nothing_to_an_index(database_engine: Engine, tmp_path: Path) -> None:
    job_id = next(next_id)
    token = f"parts-{job_id}"
    announced = Announced(job_id, f"{token}.tar", PARTS, "ann")
    resumable_uploads.create(database_engine, tmp_path, announced, token, Declaration(), 0, NO_LIMITS)
    upload = upload_progress.read(database_engine, token, timedelta(days=7))
    assert upload is not None
    with transaction(database_engine) as session:
        for offset in range(1, PARTS + 1):
            # Within a transaction now() stays the same, so a part alone would not change the time.
            session.execute(AGE, {"job": job_id, "minutes": offset})
            upload = upload_progress.change(session, upload, offset=offset)
        updates, heap_only = session.execute(UPDATES).one()
    assert updates == 2 * PARTS
    # One of them may have found its page full.
    assert heap_only >= updates - 1
