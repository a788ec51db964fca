"""Starts the next attempts of jobs that wait for a service as soon as the service answers, the oldest job first.

Called by housekeeping once a minute. A thousand jobs that resume must neither overload the service nor delay other jobs:
`ResumptionQueue` limits the attempts at each service, and `may_start` the jobs of each user in Airflow.
"""

import logging
import time
from collections import Counter, defaultdict
from contextlib import closing

from sqlalchemy import Engine

from ingest.errors.types import ServiceUnavailable
from ingest.ledger import jobs, waiting_jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.operations.repair_job import end_if_marked, repair_job
from ingest.operations.resumption_queue import ResumptionQueue
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.failure_marks import runs_marked_lately
from ingest.orchestrator.start_jobs import may_start
from ingest.services import make_services
from ingest.services.availability import answers, with_short_timeouts
from ingest.settings.loading import DagSettings, Settings
from ingest.states.waiting import Resumption

logger = logging.getLogger(__name__)
# So many jobs try a service that does not answer: the oldest that are due.
OLDEST_JOBS = 4
# The next run of housekeeping continues soon after.
MAX_SECONDS = 50.0
POLL_SECONDS = 0.5


def resume_jobs(settings: Settings, dag_settings: DagSettings, engine: Engine, airflow: AirflowApi) -> Counter[str]:
    """Resume the jobs whose service answers, and postpone the attempts of the others; return the number of each action.

    Raises DatabaseUnavailable.
    """
    counts: Counter[str] = Counter()

    def start(job: JobSnapshot) -> None:
        try:
            counts.update(repair_job(settings, engine, airflow, job, resume=True))
        except ServiceUnavailable as error:
            logger.warning("job %s cannot be resumed now: %s", job.received.job_id, error)

    _end_marked(engine, airflow, counts)
    queues = _make_queues(settings, dag_settings, engine)
    deadline = time.monotonic() + MAX_SECONDS
    while queues:
        trying = waiting_jobs.count_trying(engine)
        for queue in queues:
            _observe(engine, queue, dag_settings)
            for _ in range(trying[queue.service], queue.limit):
                job = queue.take(lambda job: may_start(settings, engine, job.received))
                if job is None:
                    break
                start(job)
        queues = [queue for queue in queues if queue.ready]
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return counts


def _end_marked(engine: Engine, airflow: AirflowApi, counts: Counter[str]) -> None:
    """End the jobs whose runs operators marked as failed; to read the runs of all jobs that wait would take minutes."""
    waiting = waiting_jobs.read_waiting(engine)
    try:
        marked = runs_marked_lately(airflow) if waiting else frozenset()
        for job in waiting:
            if job.run_id in marked:
                counts.update(end_if_marked(engine, airflow, job))
    except ServiceUnavailable as error:
        logger.warning("marks in Airflow cannot be read now: %s", error)


def _make_queues(settings: Settings, dag_settings: DagSettings, engine: Engine) -> list[ResumptionQueue]:
    """Return the queue of each service that jobs wait for: all of them, or those that are due if it may not answer."""
    waiting: defaultdict[str, list[JobSnapshot]] = defaultdict(list)
    for job in waiting_jobs.read_waiting(engine):
        if job.record.waiting:
            waiting[job.record.waiting.service].append(job)
    if not waiting:
        return []
    with closing(make_services(with_short_timeouts(settings), engine)) as services:
        available = {service: answers(services, service) for service in waiting}
    slots = dag_settings.archive_slots
    queues = []
    for service, found in waiting.items():
        ready = found if available[service] else [job for job in found if job.is_due]
        if available[service] is False:
            ready = _oldest(ready)
            _postpone(engine, _others(found, ready), dag_settings)
        # At first, one slot of the archive stays free for new jobs.
        queues.append(ResumptionQueue(service, ready, limit=max(slots - 1, 1), most=2 * slots))
    return queues


def _oldest(due: list[JobSnapshot]) -> list[JobSnapshot]:
    """Return the jobs that try a service that does not answer: the oldest, and those whose time is over.

    Otherwise a thousand jobs that wait for days would occupy the workers with attempts that fail.
    """
    return [job for place, job in enumerate(due) if place < OLDEST_JOBS or job.is_wait_over]


def _others(waiting: list[JobSnapshot], ready: list[JobSnapshot]) -> list[JobSnapshot]:
    """Return the other jobs that would try the service soon, or of which clients read that the service answers."""
    tried = {job.received.job_id for job in ready}
    others = [job for job in waiting if job.received.job_id not in tried]
    return [job for job in others if job.is_due or job.record.resumption is Resumption.IN_LINE]


def _observe(engine: Engine, queue: ResumptionQueue, dag_settings: DagSettings) -> None:
    """Find out how the started attempts went; report to clients that the others are in line, or postpone them."""
    succeeded_before = queue.has_succeeded
    queue.observe(jobs.read_several(engine, queue.started))
    if queue.always_fails:
        _postpone(engine, queue.ready, dag_settings)
        queue.ready.clear()
    elif queue.has_succeeded and not succeeded_before:
        waiting_jobs.record_in_line(engine, [job.received.job_id for job in queue.ready])


def _postpone(engine: Engine, postponed: list[JobSnapshot], dag_settings: DagSettings) -> None:
    if postponed:
        waiting_jobs.postpone(engine, [job.received.job_id for job in postponed], dag_settings.max_retry_delay)
