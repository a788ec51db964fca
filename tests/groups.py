"""The groups of tests that share a stack: each group runs in one process of pytest-xdist.

`make test` runs three processes on two cores, and `make test-all` four, because tests wait for most of their time. Stacks
start one after the other (`tools.stack.starting`).
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# In the order in which they start: the longest ones first, except that the outages, during which no stack can start, begin
# when the first stacks have started. A test belongs to the group with the longest matching prefix.
GROUPS = (
    ("kills of processes", ("faults/",)),
    ("core", ("e2e_core/",)),
    ("stack", ("e2e/",)),
    ("browser", ("browser/",)),
    ("long outages", ("faults/test_api_server_unavailable", "faults/test_hung_processes")),
    ("kills of stages", ("faults/test_stages_killed", "faults/test_commands_killed")),
    ("clocks and backups", ("faults/test_clock", "faults/test_backup")),
    ("celery workers", ("faults/test_celery_workers",)),
    # Each of these runs stacks of its own.
    ("interrupted stacks", ("faults/test_supervisor_killed", "e2e/test_obstacles")),
    ("two processes", ("archiving/two_processes/",)),
)
NAMES = [name for name, _ in GROUPS]


class ScheduleByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Sends a process one whole group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ScheduleByGroup:
    """Choose the scheduler of pytest-xdist."""
    return ScheduleByGroup(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by group."""
    items.sort(key=lambda item: _position(group_of(item.nodeid)))


def group_of(nodeid: str) -> str:
    """Return the group of a test: one of `GROUPS`, or else its file."""
    path = nodeid.partition("::")[0]
    within = path.removeprefix("tests/")
    matching = [(len(prefix), name) for name, prefixes in GROUPS for prefix in prefixes if within.startswith(prefix)]
    return max(matching)[1] if matching else path


def _position(group: str) -> int:
    return NAMES.index(group) if group in NAMES else len(NAMES)
