"""The DAG files as Airflow parses them: every DAG uses the defaults, and the job DAGs follow the registered stages."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.stages.registry import documentation
from ingest.states.airflow import RunState, TaskState
from ingest.states.stages import STAGES, Kind, Pool, Stage

PROJECT = Path(__file__).parents[2]
DAGS = {"ingest", "move", "housekeeping", "retention", "reconcile"}
# Defaults that a DAG may override.
OWN_DEFAULTS = {
    "housekeeping": {"retries", "retry_policy", "execution_timeout"},
    "retention": {"retries", "retry_policy", "execution_timeout"},
    "reconcile": {"execution_timeout"},
}
OWN_RUNS = {"ingest": 64, "move": 64}

Parsed = dict[str, Any]


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    """Return the DAGs that Airflow finds, with the defaults of the settings."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "INGEST"))}
    path = os.pathsep.join([str(PROJECT / "dags"), str(PROJECT / "plugins"), str(PROJECT)])
    answer = subprocess.run(
        [sys.executable, "-m", "tests.dags.describe_dags", str(PROJECT / "dags")],
        env={**environment, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": path},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    # Airflow's log goes to the same stream, in lines before.
    found: Parsed = json.loads(answer.stdout.splitlines()[-1])
    return found


def test_every_dag_file_is_parsed_without_errors(parsed: Parsed):
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == DAGS


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_every_dag_uses_the_defaults(parsed: Parsed, dag_id: str):
    dag = parsed["dags"][dag_id]
    own = OWN_DEFAULTS.get(dag_id, set())
    # The policy is another object in each DAG file that is parsed; what matters is its type.
    expected = {name: without_address(value) for name, value in parsed["defaults"].items() if name not in own}
    found = {name: without_address(value) for name, value in dag["defaults"].items()}
    assert set(found) == set(parsed["defaults"])
    assert {name: value for name, value in found.items() if name not in own} == expected
    assert dag["catchup"] is False
    assert dag["is_paused_upon_creation"] is False
    assert dag["max_active_runs"] == OWN_RUNS.get(dag_id, 1)
    assert "pacifica" in dag["tags"]
    assert {task["owner"] for task in dag["tasks"].values()} == {"pacifica-ingest"}
    assert all(task["doc"] and dag["doc"].startswith("### ") for task in dag["tasks"].values())


def without_address(value: str) -> str:
    described, is_object, _ = value.partition(" object at ")
    return described.rpartition(".")[2] if is_object else described


@pytest.mark.parametrize(("dag_id", "retries"), [("housekeeping", {0}), ("retention", {0}), ("reconcile", {8})])
def test_tasks_that_their_schedule_repeats_are_not_retried(parsed: Parsed, dag_id: str, retries: set[int]):
    assert {task["retries"] for task in parsed["dags"][dag_id]["tasks"].values()} == retries


@pytest.mark.parametrize("error", ["rejection", "permanent", "long wait", "wait that is over"])
def test_run_ends_after_an_error_that_airflow_does_not_wait_for(parsed: Parsed, error: str):
    assert parsed["decisions"][error] == ["fail", None]


@pytest.mark.parametrize("error", ["short wait", "short wait, after many tries"])
def test_airflow_waits_as_long_as_the_ledger_says(parsed: Parsed, error: str):
    assert parsed["decisions"][error] == ["retry", 59.0]


def test_stage_whose_job_was_canceled_is_tried_again_immediately(parsed: Parsed):
    assert parsed["decisions"]["lost fence, after many tries"] == ["retry", 1.0]


@pytest.mark.parametrize(
    ("error", "longest"), [("unrecorded wait", 5.0), ("unexpected", 5.0), ("unexpected, at the fourth try", 40.0)]
)
def test_delays_after_other_errors_are_doubled_with_each_try(parsed: Parsed, error: str, longest: float):
    action, delay = parsed["decisions"][error]
    assert action == "retry"
    assert longest * 0.75 <= delay <= longest


@pytest.mark.parametrize("kind", list(Kind))
def test_stages_have_no_fields_that_airflow_renders_and_stores(parsed: Parsed, kind: Kind):
    assert all(task["template_fields"] == [] for task in parsed["dags"][kind]["tasks"].values())


@pytest.mark.parametrize("kind", list(Kind))
def test_job_dag_is_the_chain_of_the_registered_stages(parsed: Parsed, kind: Kind):
    dag, stages = parsed["dags"][kind], STAGES[kind]
    assert dag["tags"] == sorted(["pacifica", kind])
    assert set(dag["tasks"]) == set(stages)
    for stage, following in zip(stages, [*stages[1:], None], strict=True):
        task = dag["tasks"][stage]
        assert task["downstream"] == ([following] if following else [])
        assert task["pool"] == stage.pool
        assert task["doc"] == documentation(stage)


def test_cataloged_job_is_an_event_of_the_asset(parsed: Parsed):
    tasks = [task for dag in parsed["dags"].values() for task in dag["tasks"].items()]
    announced = [(name, task["outlets"]) for name, task in tasks if task["outlets"]]
    assert announced == [(Stage.INGEST_METADATA, ["pacifica-ingest/cataloged"])] * len(Kind)


def test_tasks_that_use_the_archive_share_its_pool(parsed: Parsed):
    tasks = [task for dag in parsed["dags"].values() for task in dag["tasks"].items()]
    assert {name for name, task in tasks if task["pool"] == Pool.ARCHIVE} == {"ingest_files", "move_files", "compare"}


def test_states_are_those_of_airflow(parsed: Parsed):
    assert set(RunState) == set(parsed["run_states"])
    assert set(TaskState) < set(parsed["task_states"])
