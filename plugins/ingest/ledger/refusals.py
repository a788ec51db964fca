"""Counts how often a service refused one job with the same error while it accepted other jobs in between.

Called by the wrapper of the stages (`ingest.stages.refused_document`) after such an error.
"""

from itertools import takewhile

from sqlalchemy import Integer, cast, distinct, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger

from ingest.ledger.events import EventKind
from ingest.ledger.models import Event
from ingest.states.stages import Stage

# The most earlier attempts of the job that are compared.
MAX_ATTEMPTS = 50


def count_refusals(session: Session, job_id: int, stage: Stage, text: str) -> int:
    """Return how many of the job's last failures, all with this text, were followed by another job's success in the stage.

    `text` is that of the events. Several successes between two failures count once: a service that recovered once and
    accepted many jobs has not refused this one.
    """
    failures = _same_failures(session, job_id, stage, text)
    if not failures:
        return 0
    interval = func.width_bucket(Event.id, cast(failures, ARRAY(BigInteger)))
    finished = (Event.kind == EventKind.STAGE_FINISHED) & (Event.stage == stage) & (Event.job_id != job_id)
    counted = select(func.count(distinct(cast(interval, Integer)))).where(finished, Event.id > failures[0])
    return session.scalar(counted) or 0


def _same_failures(session: Session, job_id: int, stage: Stage, text: str) -> list[int]:
    """Return the ids of the job's last failures that have one text, in ascending order."""
    is_failure = (Event.job_id == job_id) & (Event.kind == EventKind.STAGE_WILL_BE_RETRIED) & (Event.stage == stage)
    last = session.execute(select(Event.id, Event.text).where(is_failure).order_by(Event.id.desc()).limit(MAX_ATTEMPTS))
    return [event_id for event_id, _ in takewhile(lambda event: event.text == text, last.all())][::-1]
