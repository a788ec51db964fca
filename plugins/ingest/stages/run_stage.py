"""The wrapper around every stage: acquires the job, runs the stage, and records how it ended.

Called by the tasks of the DAGs with the stage, a job id and the number of the try.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from types import FrameType

from sqlalchemy import Engine

from ingest.archiving.rejection import reject, resume_rejection
from ingest.context import StageContext, Summary
from ingest.errors.types import (
    DatabaseUnavailable,
    FenceLost,
    IngestError,
    Rejection,
    ServiceUnavailable,
    StageTerminated,
)
from ingest.ledger import service_request_totals
from ingest.ledger.database import make_engine
from ingest.ledger.lease import acquire_job
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.run_notes import note_end
from ingest.orchestrator.start_jobs import start_next
from ingest.services import make_services
from ingest.services.request_counts import RequestCounts
from ingest.settings.loading import load_dag_settings, load_settings
from ingest.stages.attempt_span import attempt_span
from ingest.stages.end_when_canceled import end_when_canceled
from ingest.stages.failures import record_error, record_unexpected
from ingest.stages.refused_document import find_refusal
from ingest.stages.registry import STAGE_FUNCTIONS, StageFunction
from ingest.states.stages import Stage
from ingest.system.failpoints import failpoint
from ingest.system.trace_exporter import flush

logger = logging.getLogger(__name__)
LAST_STAGE = Stage.INGEST_METADATA


def run_stage(stage: Stage, job_id: int, attempt: int, *, last_try: bool) -> Summary | None:
    """Run a stage of a job and return its summary; does nothing when the job is cataloged. May be repeated at any time.

    `attempt` is Airflow's number of the try. `last_try` says that Airflow starts no other one, which ends the job only after
    an unexpected error. An error of the stage is raised after it is recorded in the ledger. When the job has ended, its run
    gets a note; when it has ended or waits for a service, the next job of its user is started.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=2)
    requests = RequestCounts()
    continues = False
    try:
        with _terminated_by_signal(), acquire_job(engine, job_id, stage, attempt) as lease:
            if lease is None:
                return None
            with (
                attempt_span(lease),
                end_when_canceled(lease),
                closing(make_services(settings, engine, requests.observe)) as services,
            ):
                summary = _run_recorded(StageContext(settings, lease, services), stage, last_try=last_try)
            continues = stage is not LAST_STAGE
            return summary
    finally:
        # Only the end of a job or a wait needs these queries, not each stage.
        if not continues:
            # One log-in for both. The next job first, because nothing depends on a note.
            connect = cache(lambda: AirflowApi(settings))
            start_next(settings, engine, connect, job_id)
            note_end(engine, connect, job_id)
        _add_requests(engine, requests)
        engine.dispose()
        # Airflow ends the process without the usual cleaning up.
        flush()


def _add_requests(engine: Engine, requests: RequestCounts) -> None:
    """Add the requests of the attempt to the metrics, which are not worth an error."""
    try:
        service_request_totals.add(engine, requests.take())
    except DatabaseUnavailable as error:
        logger.warning("the requests of this attempt are not counted: %s", error)


def _run_recorded(context: StageContext, stage: Stage, *, last_try: bool) -> Summary | None:
    """Run the stage and commit how it ended before Airflow knows, because clients poll in between."""
    lease = context.lease
    failpoint(f"{stage}.begun", lease.job_id)
    try:
        result = _run_or_reject(context, STAGE_FUNCTIONS[stage])
    except FenceLost:
        raise
    except IngestError as error:
        record_error(lease, error, load_dag_settings(), last_try=last_try)
        failpoint(f"{stage}.failed", lease.job_id)
        raise
    except BaseException as error:
        record_unexpected(lease, error, last_try=last_try)
        raise
    failpoint(f"{stage}.done", lease.job_id)
    lease.finish_stage()
    failpoint(f"{stage}.finished", lease.job_id)
    return result


def _run_or_reject(context: StageContext, function: StageFunction) -> Summary | None:
    """Run the stage; carry out its rejection, or one that an earlier process left unfinished."""
    try:
        resume_rejection(context)
        context.lease.check_predecessors()
        return function(context)
    except Rejection as error:
        _reject(context, error)
    except ServiceUnavailable as error:
        refusal = find_refusal(context, error)
        if refusal is None:
            raise
        _reject(context, refusal)
    return None


def _reject(context: StageContext, error: Rejection) -> None:
    """Reject the job and raise the error; return if the catalog holds the job, which is then complete."""
    if reject(context, error):
        raise error


@contextmanager
def _terminated_by_signal() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that a stage that is stopped is recorded in the ledger.

    Airflow's own handler only calls the operator's `on_kill`, and the function of a `@task` would continue.
    """

    def terminate(_signal_number: int, _frame: FrameType | None) -> None:
        raise StageTerminated("the process was stopped during the stage; the stage will be tried again")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
