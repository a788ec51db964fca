"""Events: what happened to a job, appended in the transaction that it happened in.

Called by whatever writes jobs (`ingest.ledger.jobs`, `ingest.ledger.lease`) and uploads (`ingest.ledger.uploads`).
"""

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ingest.ledger.models import Event
from ingest.states.stages import Stage
from ingest.system.sanitize import to_one_line


def add_event(
    session: Session,
    job_id: int,
    kind: str,
    stage: Stage | None = None,
    attempt: int | None = None,
    code: str | None = None,
    text: str = "",
) -> None:
    """Append an event in the caller's transaction; its text becomes one line."""
    values = {
        "job_id": job_id,
        "kind": kind,
        "stage": stage,
        "attempt": attempt,
        "code": code,
        "text": to_one_line(text),
    }
    session.execute(insert(Event).values(values))
