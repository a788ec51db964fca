"""Starts the next attempts of jobs that wait for a service as soon as the service answers, the oldest job first.

Called by housekeeping once a minute. A service that answers a check may still fail every job. So a few jobs go first, and
the others follow only if these make progress. How many work simultaneously is limited by Airflow, as for all jobs.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import islice

from sqlalchemy import Engine

from ingest.errors.types import ServiceUnavailable
from ingest.ledger import jobs, waiting_jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.operations.repair_job import repair_job
from ingest.orchestrator.client import AirflowApi
from ingest.services import make_services
from ingest.services.availability import answers, with_short_timeouts
from ingest.settings.loading import DagSettings, Settings
from ingest.states.waiting import Waiting

logger = logging.getLogger(__name__)
FIRST_JOBS = 4
FIRST_JOBS_SECONDS = 20.0
POLL_SECONDS = 0.5
MAX_RESUMED = 500


def resume_jobs(settings: Settings, dag_settings: DagSettings, engine: Engine, airflow: AirflowApi) -> Counter[str]:
    """Resume the jobs whose service answers, and postpone the attempts of the others; return the number of each action.

    Raises DatabaseUnavailable.
    """
    counts: Counter[str] = Counter()
    waiting: defaultdict[str, list[JobSnapshot]] = defaultdict(list)
    for job in waiting_jobs.read_waiting(engine):
        if job.record.waiting:
            waiting[job.record.waiting.service].append(job)
    if not waiting:
        return counts
    with closing(make_services(with_short_timeouts(settings), engine)) as services:
        available = {service: answers(services, service) for service in waiting}
    for service, found in waiting.items():
        if available[service]:
            counts.update(_resume(engine, found, lambda job: repair_job(settings, engine, airflow, job, resume=True)))
        elif available[service] is False:
            _postpone(engine, found, dag_settings)
    return counts


def _resume(engine: Engine, waiting: list[JobSnapshot], start: Callable[[JobSnapshot], list[str]]) -> Counter[str]:
    """Start the oldest jobs, and the others if these make progress."""
    # The attempt of a job that is due was started before, or `repair_job` starts it.
    early = iter([job for job in waiting if not job.is_due][:MAX_RESUMED])
    counts: Counter[str] = Counter()
    first = list(islice((job for job in early if _start(job, start, counts)), FIRST_JOBS))
    others = list(early)
    if others and counts["resumed"] and _make_progress(engine, first):
        for job in others:
            _start(job, start, counts)
    return counts


def _start(job: JobSnapshot, start: Callable[[JobSnapshot], list[str]], counts: Counter[str]) -> bool:
    """Start a job and count the actions; return whether its attempt can show that the service works.

    There is no attempt if an operator marked the job's run in Airflow, as a success or as failed.
    """
    try:
        actions = start(job)
    except ServiceUnavailable as error:
        logger.warning("job %s cannot be resumed now: %s", job.received.job_id, error)
        return True
    counts.update(actions)
    return "resumed" in actions


def _make_progress(engine: Engine, started: list[JobSnapshot]) -> bool:
    """Return whether a job has gone beyond the stage that waited, or none has failed again within FIRST_JOBS_SECONDS."""
    before = {job.received.job_id: job.record.waiting for job in started}
    deadline = time.monotonic() + FIRST_JOBS_SECONDS
    while True:
        now = {job_id: job.record.waiting for job_id, job in jobs.read_several(engine, list(before)).items()}
        if not all(now.values()):
            return True
        failed = [job_id for job_id in now if _attempt(now[job_id]) != _attempt(before[job_id])]
        if len(failed) == len(now) or time.monotonic() > deadline:
            return not failed
        time.sleep(POLL_SECONDS)


def _attempt(waiting: Waiting | None) -> tuple[str, int] | None:
    return (waiting.service, waiting.attempt) if waiting else None


def _postpone(engine: Engine, waiting: list[JobSnapshot], settings: DagSettings) -> None:
    """Let only the oldest jobs try a service that does not answer, and each job whose time is over.

    Otherwise a thousand jobs that wait for days would occupy the workers with attempts that fail.
    """
    due = [job for job in waiting if job.is_due][FIRST_JOBS:]
    postponed = [job.received.job_id for job in due if not _is_time_over(job, settings)]
    if postponed:
        waiting_jobs.postpone(engine, postponed, settings.max_retry_delay)


def _is_time_over(job: JobSnapshot, settings: DagSettings) -> bool:
    waiting = job.record.waiting
    return waiting is not None and job.seen - waiting.since >= timedelta(seconds=settings.retry_for)
