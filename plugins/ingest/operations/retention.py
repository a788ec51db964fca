"""Removes expired bundles and partial uploads from the spool, each with an event of its job, and old notifications.

Called by the DAG `retention`. It removes

- partial uploads that were interrupted, or whose process died;
- resumable uploads whose last byte came long ago, and the records of those that are jobs now;
- the bundle of a job that was canceled, because the job is never continued;
- the bundle of a job that was rejected, because its uploader has to fix it and send a new one anyway;
- much later, the bundle of a job that failed otherwise or that an admin set to FAILED, and its files in the archive;
- the bundle of a cataloged job whose last process could not remove it;
- notifications that ended long ago, and those of webhooks that take no more.

It never touches a job that is in progress, waits, or will be cleared by housekeeping, and no file in the spool that belongs
to neither a job nor an upload. The order of writes: the files in the archive, the bundle, the commit. If a process dies in
between, the next one repeats all three.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, func, not_

from ingest import spool
from ingest.archiving.rejection import remove_uncataloged
from ingest.archiving.spool_cleanup import free_spool
from ingest.context import StageContext
from ingest.errors.types import IngestError
from ingest.ledger import expired_uploads, jobs, uploads, webhooks
from ingest.ledger.database import first_line, make_engine
from ingest.ledger.job_ends import FAILED_AT
from ingest.ledger.job_predicates import IS_CANCELED, IS_CATALOGED, IS_REJECTED, IS_STOPPED
from ingest.ledger.lease import NO_ATTEMPT, acquire_job
from ingest.ledger.models import Job
from ingest.services import Services, make_services
from ingest.settings.loading import Settings, load_settings
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Stage
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)

# After this time, no try of the last stage can still be about to remove the bundle.
MIN_CATALOGED_AGE = timedelta(hours=1)
Key = TypeVar("Key", int, str)


@dataclass(frozen=True)
class Resources:
    """The resources of one run of retention."""

    settings: Settings
    engine: Engine
    services: Services


def remove_leftovers() -> dict[str, int]:
    """Remove uploads and bundles that have expired; return the number of removals by kind, and of failures as `kept`.

    Raises DatabaseUnavailable. May be repeated, and be killed at any time.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=2)
    try:
        with closing(make_services(settings, engine)) as services:
            resources = Resources(settings, engine, services)
            kinds = (
                _abandoned_uploads,
                _expired_uploads,
                _canceled_bundles,
                _rejected_bundles,
                _failed_bundles,
                _cataloged_bundles,
                _old_notifications,
            )
            return dict(sum((kind(resources) for kind in kinds), Counter()))
    finally:
        engine.dispose()


def _abandoned_uploads(resources: Resources) -> Counter[str]:
    # The API itself aborts an upload after `receive_timeout`.
    age = timedelta(seconds=resources.settings.receive_timeout + resources.settings.keep_abandoned_seconds)
    found = uploads.abandoned(resources.engine, age)
    folder = resources.settings.volume_path
    return _remove_each("abandoned", found, lambda name: uploads.remove_abandoned(resources.engine, folder, name, age))


def _expired_uploads(resources: Resources) -> Counter[str]:
    keep = timedelta(hours=resources.settings.keep_partial_hours)
    folder, engine = resources.settings.volume_path, resources.engine
    found = expired_uploads.expired(engine, keep)
    return _remove_each("expired", found, lambda token: expired_uploads.remove_expired(engine, folder, token, keep))


def _canceled_bundles(resources: Resources) -> Counter[str]:
    found = jobs.with_bundle(resources.engine, IS_REJECTED, IS_CANCELED)
    return _remove_each("canceled", found, lambda job_id: _remove_bundle(resources, job_id, "of a canceled job"))


def _rejected_bundles(resources: Resources) -> Counter[str]:
    days = resources.settings.keep_rejected_days
    found = _ended(resources, days, IS_REJECTED)
    return _remove_each("rejected", found, lambda job_id: _remove_bundle(resources, job_id, _after(days)))


def _failed_bundles(resources: Resources) -> Counter[str]:
    days = resources.settings.keep_failed_days
    found = _ended(resources, days, IS_STOPPED, not_(IS_REJECTED), not_(IS_CATALOGED))
    return _remove_each("failed", found, lambda job_id: _remove_bundle(resources, job_id, _after(days)))


def _cataloged_bundles(resources: Resources) -> Counter[str]:
    found = jobs.with_bundle(resources.engine, IS_CATALOGED, Job.updated < func.now() - MIN_CATALOGED_AGE)
    return _remove_each("catalogued", found, lambda job_id: _free_spool(resources, job_id))


def _old_notifications(resources: Resources) -> Counter[str]:
    age = timedelta(days=resources.settings.keep_notifications_days)
    return Counter(notifications=webhooks.remove_old(resources.engine, age))


def _ended(resources: Resources, days: float, *conditions: ColumnElement[bool]) -> Iterator[int]:
    return jobs.with_bundle(resources.engine, *conditions, func.now() - timedelta(days=days) > FAILED_AT)


def _remove_each(kind: str, keys: Iterable[Key], remove: Callable[[Key], bool]) -> Counter[str]:
    """Remove uploads or bundles one by one, and log those that cannot be removed; return the counts."""
    counts: Counter[str] = Counter()
    for key in keys:
        try:
            removed = remove(key)
        except (IngestError, OSError) as error:
            logger.warning("%s %s: nothing is removed now: %s", kind, key, first_line(error))
            removed = False
        counts[kind if removed else "kept"] += 1
    return counts


def _after(days: float) -> str:
    return f"{days:g} days after the job ended"


def _remove_bundle(resources: Resources, job_id: int, reason: str) -> bool:
    """Remove the bundle of a job that failed, and its files from the archive; raises CatalogConflict.

    The state that clients see does not change, because the job is acquired on behalf of an admin.
    """
    kind = jobs.read(resources.engine, job_id).received.kind
    with acquire_job(resources.engine, job_id, STAGES[kind][0], NO_ATTEMPT, by_admin=True) as lease:
        if lease is None:
            return False
        if not lease.job.record.is_stopped:
            lease.release()
            return False
        context = StageContext(resources.settings, lease, resources.services)
        if lease.job.record.outcome is not Outcome.REJECTED:
            remove_uncataloged(context)
        with lease.transaction() as session:
            # Within the transaction: an earlier retry has changed the fence, and a later one waits, then finds no bundle.
            spool.remove(context.spool_path)
            failpoint("retention.bundle_removed", job_id)
            jobs.forget_bundle(session, job_id, f"{context.spool_path.name}, {reason}")
    return True


def _free_spool(resources: Resources, job_id: int) -> bool:
    """Repeat the end of the last stage of a cataloged job."""
    with acquire_job(resources.engine, job_id, Stage.INGEST_METADATA, NO_ATTEMPT) as lease:
        if lease is None:
            return False
        freed = free_spool(StageContext(resources.settings, lease, resources.services))
        lease.finish_stage()
    return freed
