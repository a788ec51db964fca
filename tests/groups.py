"""The groups of tests that share a stack: each group runs in one process of pytest-xdist.

`make test` and `make test-all` run three processes on two cores, because tests wait for most of their time. Stacks start
one after the other (`tools.stack.starting`).
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# The groups that take longest start first. A test belongs to the first group that has a matching prefix.
GROUPS = (
    ("clocks and backups", ("faults/test_clock", "faults/test_backup")),
    (
        "long outages",
        ("faults/test_api_server_unavailable", "faults/test_hung_processes", "faults/test_supervisor_killed"),
    ),
    ("kills", ("faults/",)),
    ("core", ("e2e_core/",)),
    ("stack", ("e2e/",)),
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
    return next((name for name, prefixes in GROUPS if within.startswith(prefixes)), path)


def _position(group: str) -> int:
    return NAMES.index(group) if group in NAMES else len(NAMES)
