"""The logs that Airflow's tasks and its dag-processor wrote: remove those of a run, and old ones that no run has.

Called by `housekeeping_runs` and `old_runs`. Airflow itself never deletes them. All workers share the folder of the logs
(`[logging] base_log_folder`). Only the logs of this service's DAGs are removed, and no other file in the folder.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

# The names that Airflow gives the folders (its default `[logging] log_filename_template`).
DAG_FOLDER, RUN_FOLDER = "dag_id=", "run_id="
DAG_PROCESSOR = "dag_processor"
A_DATE = "[0-9]" * 4 + "-[0-9][0-9]-[0-9][0-9]"


def remove_run(logs: Path, dag_id: str, run_id: str) -> None:
    """Remove the logs of one run, if there are any."""
    shutil.rmtree(logs / f"{DAG_FOLDER}{dag_id}" / f"{RUN_FOLDER}{run_id}", ignore_errors=True)


def remove_unused(logs: Path, dag_id: str, before: datetime, is_kept: Callable[[str], bool]) -> int:
    """Remove the logs of a DAG's runs that were last written before a time; return their number.

    `is_kept` is called with the id of a run whose logs are that old; its logs stay if it returns True.
    """
    count = 0
    for folder in (logs / f"{DAG_FOLDER}{dag_id}").glob(f"{RUN_FOLDER}*"):
        if not _is_used(folder, before) and not is_kept(folder.name.removeprefix(RUN_FOLDER)):
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count


def remove_of_dag_processor(logs: Path, before: datetime) -> int:
    """Remove the dag-processor's logs of the days before a time; return the number of days."""
    days = [day for day in (logs / DAG_PROCESSOR).glob(A_DATE) if day.name < f"{before:%Y-%m-%d}"]
    for day in days:
        shutil.rmtree(day, ignore_errors=True)
    return len(days)


def _is_used(folder: Path, before: datetime) -> bool:
    """Return whether anything in a folder was written since a time."""
    try:
        return any(path.lstat().st_mtime >= before.timestamp() for path in _tree(folder))
    except FileNotFoundError:
        # Another process removes the folder.
        return True


def _tree(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")
