"""The comparison of metrics with the ledger: they agree for jobs that ended in each way, and each difference is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from ingest.errors.types import Rejection
from ingest.ledger.database import transaction
from ingest.ledger.event_totals import count_events
from ingest.ledger.models import EventTotal
from ingest.stages import run_stage as stage_wrapper
from ingest.states.stages import STAGES, Kind
from tests.api.live_server import serving_alone
from tests.job_creation import create_job
from tests.job_fixtures import MakeJob
from tests.ledger.job_rows import received
from tools.bundles import make_bundle
from tools.metrics_comparison import compare_metrics, read_ledger


@pytest.fixture
def database_url(separate_url: str) -> str:
    """Use a ledger without the rows of other tests, which change and delete jobs."""
    return separate_url


@pytest.fixture
def database_engine(separate_engine: Engine) -> Engine:
    return separate_engine


@pytest.fixture
def api(make_job: MakeJob, failed: int, database_url: str, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an API whose jobs are complete, rejected, and failed after a wait."""
    for body in (make_bundle(), b"no tar" * 1000):
        job = make_job(body)
        try:
            for stage in STAGES[Kind.INGEST]:
                stage_wrapper.run_stage(stage, job, 1, last_try=False)
        except Rejection:
            pass
    (tmp_path / "api").mkdir()
    with serving_alone(tmp_path / "api", database_url) as server:
        yield server.url


def test_metrics_agree_with_the_ledger_before_and_after_they_are_counted(api: str, database_engine: Engine) -> None:
    assert compare_metrics(api, database_engine) == []
    names = {name for name, _ in read_ledger(database_engine)}
    assert {"jobs", "archived_files_total", "stage_failures_total", "stage_duration_seconds_count"} <= names
    # The first run finds the events, the second one adds them.
    count_events(database_engine)
    count_events(database_engine)
    assert compare_metrics(api, database_engine) == []


def test_a_difference_is_found(separate_engine: Engine, separate_url: str, tmp_path: Path) -> None:
    create_job(separate_engine, received(1))
    count_events(separate_engine)
    count_events(separate_engine)
    with transaction(separate_engine) as session:
        session.execute(update(EventTotal).values(count=2))
    with serving_alone(tmp_path, separate_url) as server:
        (difference,) = compare_metrics(server.url, separate_engine)
    assert difference == "events_total{'event': 'received', 'kind': 'ingest'} is 2.0, and the ledger has 1"
