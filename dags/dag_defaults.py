"""The defaults of every DAG and every task, defined once; each DAG file uses them through `dag_defaults`.

Imported by the DAG files and `stage_tasks`. At import it reads only the environment.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.configuration import conf

from ingest.errors.types import FOR_UPLOADER, PermanentError, Rejection
from ingest.orchestrator.dag_ids import TAG
from ingest.settings.loading import load_dag_settings
from ingest.states.waiting import delay_after

SETTINGS = load_dag_settings()
# A run that waits counts to `max_active_runs`, and the scheduler examines it again and again. So Airflow waits only for
# shorter delays. For a longer one the run ends, the job waits in the ledger, and housekeeping, which runs once a minute,
# starts the next attempt.
LONGEST_DELAY_IN_AIRFLOW = 60.0


class RetryByCause(RetryPolicy):
    """End the run when a retry cannot help, or only later; otherwise retry after the delay that the ledger holds.

    An error without such a delay is unexpected: the delay is doubled with each try, up to a ceiling. Airflow's own
    exponential backoff derives its jitter from the logical date, so all jobs would retry within the same second.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,  # noqa: ANN401, ARG002 - Airflow's signature
    ) -> RetryDecision:
        """Decide what follows a failed try; after a Clear, unexpected errors start again with the shortest delay."""
        if isinstance(exception, Rejection):
            return RetryDecision.fail(reason=f"{FOR_UPLOADER}: {exception.code}")
        if isinstance(exception, PermanentError) or getattr(exception, "has_given_up", False):
            # Airflow may have tries left, but another one would let the failed job continue.
            return RetryDecision.fail(reason=getattr(exception, "code", ""))
        code = getattr(exception, "code", type(exception).__name__)
        delay = getattr(exception, "next_attempt_seconds", None)
        if delay is None:
            tries_since_clear = try_number - (max_tries - SETTINGS.retries)
            delay = delay_after(tries_since_clear, SETTINGS.retry_delay, SETTINGS.max_retry_delay)
        elif delay > LONGEST_DELAY_IN_AIRFLOW:
            return RetryDecision.fail(reason=f"{code}: the job waits; housekeeping starts its next attempt")
        return RetryDecision.retry(timedelta(seconds=delay), reason=code)


TASK_DEFAULTS: dict[str, Any] = {
    "owner": "pacifica-ingest",
    "retries": SETTINGS.retries,
    "retry_policy": RetryByCause(),
    # The delays after a try that was killed: Airflow does not evaluate the policy then.
    "retry_delay": timedelta(seconds=SETTINGS.retry_delay),
    "max_retry_delay": timedelta(seconds=SETTINGS.max_retry_delay),
    "retry_exponential_backoff": 2.0,
    "execution_timeout": timedelta(seconds=SETTINGS.stage_timeout),
    # All tasks have the same weight, so that Airflow starts them in the order of their jobs
    # (`ingest.ledger.user_jobs.place_in_line`). By Airflow's default the early stages of all jobs would come first.
    "weight_rule": "absolute",
}
# For a task whose DAG soon runs again anyway.
WITHOUT_RETRIES: dict[str, Any] = {"retries": 0, "retry_policy": None}


def log_folder() -> Path:
    """Return the folder of the logs of Airflow's tasks; called by tasks."""
    return Path(conf.get("logging", "base_log_folder"))


def dag_defaults(
    *tags: str,
    schedule: timedelta | None = None,
    max_active_runs: int = 1,
    **task_options: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return the arguments that every DAG passes to `@dag`; `task_options` override the defaults of its tasks."""
    return {
        "schedule": schedule,
        "catchup": False,
        "is_paused_upon_creation": False,
        "max_active_runs": max_active_runs,
        "tags": [TAG, *tags],
        "default_args": {**TASK_DEFAULTS, **task_options},
    }
