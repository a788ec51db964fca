"""Jobs in every state, for the tests of pages."""

from datetime import timedelta

from sqlalchemy import Engine, func, insert

from ingest.ledger.models import Event, Job

WAITING = {
    "service": "archive",
    "url": "http://archive:8080",
    "since": "2026-11-30T13:10:00+00:00",
    "attempt": 7,
    "next_attempt_at": "2026-11-30T14:05:00+00:00",
    "code": "service_unavailable",
    "reason": "connection refused",
}
DECLARED = {"project": "1234a", "instrument": "54", "files": 3, "bytes": 12_000_000}
STATES: dict[str, dict[str, object]] = {
    "received": {},
    "running": {
        **DECLARED,
        "holder": "a process",
        "stage": "ingest_files",
        "percent": 40.0,
        "finished": "validate_policy",
    },
    "waiting": {
        **DECLARED,
        "waiting": WAITING,
        "error": {"stage": "ingest_files", "code": "service_unavailable", "text": "refused", "final": False},
    },
    "failed": {
        "error": {"stage": "open_tar", "code": "bundle_invalid", "text": "the bundle is not a tar", "final": True}
    },
    "canceled": {"rejection": {"code": "canceled", "text": "canceled by an admin"}},
    "complete": {**DECLARED, "outcome": "catalogued", "finished": "ingest_metadata"},
}


def add_job(
    engine: Engine, job_id: int, state: str = "received", age: timedelta = timedelta(hours=1), **columns: object
) -> int:
    """Add a job that was received some time ago and has last changed half of that time ago."""
    row = {"id": job_id, "kind": "ingest", "user": "ada", "spool_name": f"{job_id}.tar", "size": 2048}
    times = {"created": func.now() - age, "updated": func.now() - age / 2, "triggered": func.now() - age}
    with engine.begin() as connection:
        connection.execute(insert(Job).values({**row, **times, **STATES[state], **columns}))
        if state == "running":
            started = {"job_id": job_id, "stage": "ingest_files", "kind": "stage_started", "attempt": 1}
            connection.execute(insert(Event).values(**started, at=func.now() - timedelta(seconds=10)))
    return job_id
