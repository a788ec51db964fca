"""Finds the function and the documentation of each registered stage (`ingest.states.stages`) by its task id.

Used by `run_stage` and by the DAG files. A stage without a module of its name fails here, when the DAGs are parsed.
"""

from collections.abc import Callable
from importlib import import_module

from ingest.context import StageContext, Summary
from ingest.states.stages import Stage

StageFunction = Callable[[StageContext], Summary | None]


def documentation(stage: Stage) -> str:
    """Return the page of a stage in Airflow's UI: the docstring of its module."""
    return import_module(_module(stage)).__doc__ or ""


def _module(stage: Stage) -> str:
    return f"ingest.stages.{stage}"


def _function(stage: Stage) -> StageFunction:
    function: StageFunction = getattr(import_module(_module(stage)), stage)
    return function


# Imported here, once in the process that forks the tasks.
STAGE_FUNCTIONS: dict[Stage, StageFunction] = {stage: _function(stage) for stage in Stage}
