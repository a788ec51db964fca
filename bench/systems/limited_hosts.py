"""Hosts of limited speed: groups of processes that may use a share of a core. Called by the row `worker_hosts`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from bench.systems.freezing import tree
from bench.systems.redis import RequirementMissing
from tools.waiting import wait_until

CGROUPS = Path("/sys/fs/cgroup/cpu")
PERIOD_MICROSECONDS = 100_000
REMOVE_SECONDS = 30


@contextmanager
def limited(processes: Sequence[int], cores: float) -> Iterator[None]:
    """Limit each process, with its descendants, to a share of a core. Raises RequirementMissing without cgroups."""
    groups = {process: CGROUPS / f"pacifica-ingest-bench-{process}" for process in processes}
    try:
        for process, group in groups.items():
            group.mkdir()
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(round(cores * PERIOD_MICROSECONDS)))
            _move(process, group)
    except OSError as error:
        raise RequirementMissing(f"hosts of limited speed need root and cgroups of version 1: {error}") from error
    try:
        yield
    finally:
        for process, group in groups.items():
            wait_until(partial(_is_removed, process, group), REMOVE_SECONDS, lambda: f"{groups} are in use")


def _move(process: int, group: Path) -> None:
    for each in tree(process):
        (group / "cgroup.procs").write_text(str(each.pid))


def _is_removed(process: int, group: Path) -> bool:
    # A process may have forked meanwhile.
    with suppress(OSError, psutil.NoSuchProcess):
        _move(process, CGROUPS)
        group.rmdir()
    return not group.exists()
