"""The groups of tests that share a stack: each group runs in one process of pytest-xdist.

`make test` runs three processes on two cores, and `make test-all` four, because tests wait for most of their time. A stack
uses the processor also while its test waits, so at most three of the four processes run stacks. Stacks start one after the
other (`tools.stack.starting`).
"""

from collections.abc import Mapping
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
    ("clocks and backups", ("own_stacks/test_clock", "own_stacks/test_backup")),
    ("celery workers", ("own_stacks/test_celery_workers",)),
    # Each of these runs stacks of its own.
    ("interrupted stacks", ("own_stacks/",)),
    ("two processes", ("archiving/two_processes/",)),
    # Share Airflow's database.
    ("accounts", ("accounts/",)),
)
NAMES = [name for name, _ in GROUPS]
WITHOUT_STACK = "two processes"
MOST_STACKS = 3


class ScheduleByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Sends a process one whole group after the other; at most MOST_STACKS processes run groups with a stack."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        others = [groups for each, groups in self.assigned_work.items() if each is not node]
        if sum(map(_has_stack, others)) >= MOST_STACKS:
            without = next((group for group in self.workqueue if not _needs_stack(group)), None)
            if without is not None:
                self.workqueue.move_to_end(without, last=False)
        super()._assign_work_unit(node)


def _has_stack(groups: Mapping[str, Mapping[str, bool]]) -> bool:
    """Return whether a process has tests with a stack that are not done, by its groups and their tests."""
    return any(_needs_stack(group) and not all(tests.values()) for group, tests in groups.items())


def _needs_stack(group: str) -> bool:
    return group in NAMES and group != WITHOUT_STACK


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
