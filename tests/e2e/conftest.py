"""The real stack, started once for all tests of this folder."""

import json
from collections.abc import Iterator

import pytest

from ingest.local.layout import PROJECT
from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tests.stack_fixtures import archive_outage, ledger, points  # noqa: F401 - fixtures
from tools.stack import Stack, running_stack

# Airflow also reads the example DAG of the documentation, which stays paused until its test.
EXAMPLE_DAG = "report_cataloged"
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
BUNDLES = [
    {"name": "dags-folder", "classpath": LOCAL_BUNDLE, "kwargs": {}},
    {"name": "examples", "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(PROJECT / "docs" / "examples")}},
]
# A job stops waiting for an unavailable service after seconds, not after days: its second attempt is the last. The delay is
# longer than the two seconds for which each API process trusts its last answer about a run, so that the reason for a retry
# becomes visible.
SETTINGS = {
    "INGEST_RETRIES": "1",
    "INGEST_RETRY_FOR": "7",
    "INGEST_RETRY_DELAY": "5",
    "INGEST_MAX_RETRY_DELAY": "5",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
}


@pytest.fixture(scope="package")
def stack(
    points: Points,  # noqa: F811 - the fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Run the stack, in a folder whose name contains a space."""
    home = tmp_path_factory.mktemp("stack") / "all state"
    with running_stack(home, {**SETTINGS, VARIABLE: str(points.folder)}) as stack:
        yield stack
