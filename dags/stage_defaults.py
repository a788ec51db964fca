"""What the DAGs share: the defaults of their tasks, retries by cause, and the step from a task to its stage.

Imported by the DAG files, which hold wiring only. Reads the environment at import and nothing else.
"""

import random
from datetime import timedelta
from importlib import import_module
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy, get_current_context

from ingest.errors.types import FOR_UPLOADER, PermanentError, Rejection, UnknownJob
from ingest.settings.loading import load_dag_settings
from ingest.stages.load_metadata import Summary
from ingest.stages.run_stage import run_stage
from ingest.states.stages import Stage

SETTINGS = load_dag_settings()


class RetryByCause(RetryPolicy):
    """Fail at once where the uploader must mend something; else wait twice as long after each try, up to a ceiling.

    Airflow's own exponential backoff is not used, because it lets all jobs of a service that was away try again in the
    same second (the jitter is made from the logical date, which these runs do not have).
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,  # noqa: ANN401, ARG002 - Airflow's signature
    ) -> RetryDecision:
        """Decide on one failed try; a Clear counts the tries from the start."""
        if isinstance(exception, Rejection):
            return RetryDecision.fail(reason=f"{FOR_UPLOADER}: {exception.code}")
        if isinstance(exception, PermanentError):
            return RetryDecision.fail(reason=exception.code)
        tries_since_clear = try_number - (max_tries - SETTINGS.retries) - 1
        longest = min(SETTINGS.retry_delay * 2.0 ** max(tries_since_clear, 0), SETTINGS.max_retry_delay)
        delay = longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, hides nothing
        return RetryDecision.retry(
            timedelta(seconds=delay), reason=getattr(exception, "code", type(exception).__name__)
        )


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "pacifica-ingest",
    "retries": SETTINGS.retries,
    # Of tries that were killed: no policy is asked then.
    "retry_delay": timedelta(seconds=SETTINGS.retry_delay),
    "max_retry_delay": timedelta(seconds=SETTINGS.max_retry_delay),
    "retry_exponential_backoff": 2.0,
    "retry_policy": RetryByCause(),
    "execution_timeout": timedelta(seconds=SETTINGS.stage_timeout),
    # All tasks weigh the same, so that Airflow begins them by their place in line
    # (`ingest.ledger.user_jobs.place_in_line`); by its default the early stages of all jobs come before the late stages
    # of any.
    "weight_rule": "absolute",
}
JOB_DAG: dict[str, Any] = {
    "schedule": None,
    "catchup": False,
    "is_paused_upon_creation": False,
    "max_active_runs": SETTINGS.max_active_runs,
    "default_args": DEFAULT_ARGS,
}


def documentation(stage: Stage) -> str:
    """Give a stage's page in the Airflow UI: the docstring of its module."""
    return import_module(f"ingest.stages.{stage}").__doc__ or ""


def run(stage: Stage) -> Summary | None:
    """Run a stage of the job that the dag run is for."""
    context = get_current_context()
    task_instance = context["ti"]
    job_id = (context["dag_run"].conf or {}).get("job_id")
    if not isinstance(job_id, int):
        raise UnknownJob("this run names no job: runs are triggered by the API, not by hand")
    last_try = task_instance.try_number > task_instance.max_tries
    return run_stage(stage, job_id, task_instance.try_number, last_try=last_try)
