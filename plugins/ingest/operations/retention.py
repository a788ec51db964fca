"""What is left over leaves the spool after a while: each removal is an event of its job.

Called by the DAG `retention`. Removed are

- what came of an upload that was cut off, or whose process died, when nothing more has come for a while;
- the bundle of a job that was rejected: its uploader has to mend it and send a new one anyway;
- the bundle of a job that failed because a service stayed away, or that an admin failed, much later, and with it what
  the archive holds of the job;
- the bundle of a catalogued job whose last process could not remove it.

The order of writes: the archive's files, the bundle, then the commit. A process that dies in between is repeated. A job that
runs, waits, or will be cleared by housekeeping is never touched, nor a file that neither a job nor an upload names.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, func, not_, select

from ingest import spool
from ingest.archiving.rejection import remove_uncataloged
from ingest.archiving.spool_cleanup import free_spool
from ingest.context import StageContext
from ingest.errors.types import IngestError
from ingest.ledger import jobs, uploads
from ingest.ledger.database import first_line, make_engine
from ingest.ledger.events import EventKind
from ingest.ledger.job_predicates import IS_CATALOGED, IS_REJECTED, IS_STOPPED
from ingest.ledger.lease import NO_ATTEMPT, acquire_job
from ingest.ledger.models import Event, Job
from ingest.services import Services, make_services
from ingest.settings.loading import Settings, load_settings
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Stage
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)

# A try of the last stage that is still at it would have freed the spool long before.
CATALOGED_AGE = timedelta(hours=1)
Key = TypeVar("Key", int, str)

# Not when the row was last changed, which a round that could not finish does too.
ENDED = select(func.max(Event.at)).where(
    Event.job_id == Job.id, Event.kind.in_((EventKind.STAGE_FAILED, EventKind.OVERRIDE))
)


@dataclass(frozen=True)
class Round:
    """What one round of retention works with."""

    settings: Settings
    engine: Engine
    services: Services


def remove_leftovers() -> dict[str, int]:
    """Remove what is older than the settings say; gives how much was removed of each kind, and how much could not be.

    Raises DatabaseUnavailable. May be repeated, and be killed at any time.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=2)
    try:
        with closing(make_services(settings, engine)) as services:
            known = Round(settings, engine, services)
            kinds = _abandoned_uploads, _rejected_bundles, _failed_bundles, _cataloged_bundles
            return dict(sum((kind(known) for kind in kinds), Counter()))
    finally:
        engine.dispose()


def _abandoned_uploads(known: Round) -> Counter[str]:
    # Not before the API itself has given the upload up.
    age = timedelta(seconds=known.settings.receive_timeout + known.settings.keep_abandoned_seconds)
    found = uploads.abandoned(known.engine, age)
    folder = known.settings.volume_path
    return _remove_each("abandoned", found, lambda name: uploads.remove_abandoned(known.engine, folder, name, age))


def _rejected_bundles(known: Round) -> Counter[str]:
    days = known.settings.keep_rejected_days
    found = _ended(known, days, IS_REJECTED)
    return _remove_each("rejected", found, lambda job_id: _remove_bundle(known, job_id, f"{days:g} days"))


def _failed_bundles(known: Round) -> Counter[str]:
    days = known.settings.keep_failed_days
    found = _ended(known, days, IS_STOPPED, not_(IS_REJECTED), not_(IS_CATALOGED))
    return _remove_each("failed", found, lambda job_id: _remove_bundle(known, job_id, f"{days:g} days"))


def _cataloged_bundles(known: Round) -> Counter[str]:
    found = jobs.with_bundle(known.engine, IS_CATALOGED, Job.updated < func.now() - CATALOGED_AGE)
    return _remove_each("catalogued", found, lambda job_id: _free(known, job_id))


def _ended(known: Round, days: float, *conditions: ColumnElement[bool]) -> Iterator[int]:
    return jobs.with_bundle(known.engine, *conditions, ENDED.scalar_subquery() < func.now() - timedelta(days=days))


def _remove_each(kind: str, keys: Iterable[Key], remove: Callable[[Key], bool]) -> Counter[str]:
    """Remove one after the other; one that cannot be removed keeps no other from it."""
    counts: Counter[str] = Counter()
    for key in keys:
        try:
            removed = remove(key)
        except (IngestError, OSError) as error:
            logger.warning("%s %s: what is left over stays: %s", kind, key, first_line(error))
            removed = False
        counts[kind if removed else "kept"] += 1
    return counts


def _remove_bundle(known: Round, job_id: int, age: str) -> bool:
    """Remove the bundle of a job that ended badly, and what the archive holds of it; raises CatalogConflict.

    What clients see of the job stays as it was, because it is only held by an admin's right.
    """
    kind = jobs.read(known.engine, job_id).received.kind
    with acquire_job(known.engine, job_id, STAGES[kind][0], NO_ATTEMPT, by_admin=True) as lease:
        if lease is None:
            return False
        if not lease.job.record.is_stopped:
            lease.release()
            return False
        context = StageContext(known.settings, lease, known.services)
        if lease.job.record.outcome is not Outcome.REJECTED:
            remove_uncataloged(context)
        with lease.transaction() as session:
            # Inside: a retry that comes before has taken the fence away, and one that comes now waits and finds no bundle.
            spool.remove(context.spool_path)
            failpoint("retention.bundle_removed", job_id)
            jobs.forget_bundle(session, job_id, f"{context.spool_path.name}, {age} after the job ended")
    return True


def _free(known: Round, job_id: int) -> bool:
    """Run the end of a catalogued job's last stage again."""
    with acquire_job(known.engine, job_id, Stage.INGEST_METADATA, NO_ATTEMPT) as lease:
        if lease is None:
            return False
        freed = free_spool(StageContext(known.settings, lease, known.services))
        lease.finish_stage()
    return freed
