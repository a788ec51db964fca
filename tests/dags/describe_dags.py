"""Parse the DAG files as Airflow does, without a database, and print the DAGs as JSON.

A program of its own: Airflow reads its environment when it is imported, and the API must not be tested beside it.
"""

import json
import sys
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState, TaskInstanceState
from dag_defaults import SETTINGS, TASK_DEFAULTS, RetryByCause

from ingest.errors.types import FenceLost, InvalidBundle, PermanentError, ServiceUnavailable


def describe_dag(dag: Any) -> dict[str, Any]:
    """Return the attributes of a DAG that the tests compare."""
    return {
        "catchup": dag.catchup,
        "is_paused_upon_creation": dag.is_paused_upon_creation,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "schedule": str(dag.schedule),
        "defaults": {name: repr(value) for name, value in dag.default_args.items()},
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task: Any) -> dict[str, Any]:
    """Return the attributes of a task that the tests compare."""
    return {
        "downstream": sorted(task.downstream_task_ids),
        "pool": task.pool,
        "outlets": [outlet.name for outlet in task.outlets],
        "template_fields": list(task.template_fields),
        "owner": task.owner,
        "retries": task.retries,
        "weight_rule": str(task.weight_rule),
        "doc": task.doc_md,
    }


def describe_decisions() -> dict[str, tuple[str, float | None]]:
    """Return what the retry policy decides about errors, and after how many seconds the stage is tried again."""
    short, long, unrecorded, over = (ServiceUnavailable("archive", "http://archive", "refused") for _ in range(4))
    over.has_given_up = True
    short.next_attempt_seconds, long.next_attempt_seconds = 59.0, 61.0
    cases = {
        "rejection": (InvalidBundle("no tar"), 1),
        "permanent": (PermanentError("an admin must fix this"), 1),
        "short wait": (short, 1),
        "short wait, after many tries": (short, 1000),
        "long wait": (long, 1),
        "unrecorded wait": (unrecorded, 1),
        "wait that is over": (over, 1),
        "lost fence, after many tries": (FenceLost("canceled"), 1000),
        "unexpected": (ValueError("a defect"), 1),
        "unexpected, at the fourth try": (ValueError("a defect"), 4),
    }
    found = {}
    for name, (error, attempt) in cases.items():
        decision = RetryByCause().evaluate(error, attempt, SETTINGS.retries)
        found[name] = (decision.action.value, decision.retry_delay and decision.retry_delay.total_seconds())
    return found


def main() -> None:
    """Print the DAGs of a folder."""
    bag = DagBag(sys.argv[1], load_op_links=False)
    json.dump(
        {
            "errors": bag.import_errors,
            "dags": {dag_id: describe_dag(dag) for dag_id, dag in bag.dags.items()},
            "defaults": {name: repr(value) for name, value in TASK_DEFAULTS.items()},
            "decisions": describe_decisions(),
            "run_states": [state.value for state in DagRunState],
            "task_states": [state.value for state in TaskInstanceState],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
