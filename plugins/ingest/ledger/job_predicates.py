"""SQL conditions on jobs: stopped, cataloged, rejected, canceled, unfinished, phases (as in `JobRecord`), and idle.

Used in queries by `ingest.ledger.jobs`, `job_list`, `user_jobs` and `ingest.operations`. Each is true or false for every
row, never NULL, so that it can be negated.
"""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, not_, or_

from ingest.errors.types import JobCanceled
from ingest.ledger.models import REMOVED, Job
from ingest.states.job_record import JobStatus, Outcome, Phase
from ingest.states.waiting import Resumption

# A process that holds a job updates its row every second: one that has not done so for this long is dead.
HOLDER_TIMEOUT = timedelta(hours=1)

_HAS_FINAL_ERROR: ColumnElement[bool] = func.coalesce(Job.error["final"].as_boolean(), False)
_IS_FAILED_BY_ADMIN: ColumnElement[bool] = func.coalesce(Job.override["state"].as_string() == JobStatus.FAILED, False)
_STARTED = Resumption.STARTED.value
_IS_HELD: ColumnElement[bool] = Job.holder.is_not(None) & (Job.updated >= func.now() - HOLDER_TIMEOUT)

# The bundle or move document is in the spool. An index holds the few such jobs.
IS_IN_SPOOL: ColumnElement[bool] = Job.spool_name != REMOVED
IS_CATALOGED: ColumnElement[bool] = func.coalesce(Job.outcome == Outcome.CATALOGED, False)
# The job has failed and continues only when it is retried.
IS_STOPPED: ColumnElement[bool] = or_(_IS_FAILED_BY_ADMIN, _HAS_FINAL_ERROR)
# The uploader must fix the bundle, and nothing of the job is in the archive.
IS_REJECTED: ColumnElement[bool] = and_(func.coalesce(Job.outcome == Outcome.REJECTED, False), _HAS_FINAL_ERROR)
# The job was canceled; files of it may still have to be removed from the archive.
IS_CANCELED: ColumnElement[bool] = func.coalesce(Job.rejection["code"].as_string() == JobCanceled.code, False)
# The job continues without the help of a person.
IS_UNFINISHED: ColumnElement[bool] = and_(not_(IS_STOPPED), not_(IS_CATALOGED))
# The job waits for a service, and its next attempt was not started.
IS_WAITING: ColumnElement[bool] = and_(
    Job.waiting.is_not(None), Job.holder.is_(None), func.coalesce(Job.waiting["resumption"].as_string(), "") != _STARTED
)
# The job has ended, and no process works on it: ledger, archive and catalog must agree. The bundle of a cataloged job may
# still have to be removed. A job that Airflow lost is not idle, because housekeeping clears its run.
IS_IDLE: ColumnElement[bool] = or_(IS_CATALOGED, and_(IS_STOPPED, not_(_IS_HELD)))

# The conditions of `JobRecord.phase`. Unlike those above they may be NULL, because an index on `ended` finds the jobs.
IS_IN_PHASE: Mapping[Phase, ColumnElement[bool]] = {
    Phase.WAITING: and_(Job.ended.is_(None), Job.holder.is_(None)),
    Phase.RUNNING: and_(Job.ended.is_(None), Job.holder.is_not(None)),
    Phase.FAILED: Job.ended == Phase.FAILED,
    Phase.COMPLETE: Job.ended == Phase.COMPLETE,
}
