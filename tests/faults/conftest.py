"""A real stack whose processes are killed, started once for all tests of this folder."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tests.stack_fixtures import ledger, points  # noqa: F401 - fixtures
from tools.stack import Stack, running_stack

SETTINGS = {
    # A killed stage is retried after a second; the number of tries and the limits are those of a facility.
    "INGEST_RETRY_DELAY": "1",
    "INGEST_MAX_RETRY_DELAY": "2",
    # Retention removes the partial uploads of a killed API in its next run.
    "INGEST_RECEIVE_TIMEOUT": "5",
    "INGEST_KEEP_ABANDONED_SECONDS": "1",
    "INGEST_UNLISTED_MEMBERS": "skip",
    # The next scheduler adopts the tasks of a killed one after 20 s at most instead of 40 s.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
}


@pytest.fixture(scope="package")
def stack(
    points: Points,  # noqa: F811 - the fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Run the stack."""
    with running_stack(tmp_path_factory.mktemp("stack"), {**SETTINGS, VARIABLE: str(points.folder)}) as stack:
        # Failpoints work in the admin's command too.
        yield replace(stack, environment={**stack.environment, VARIABLE: str(points.folder)})
