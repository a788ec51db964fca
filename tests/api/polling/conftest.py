import pytest

from api.polling.recent_runs import RecentRuns
from tests.api.clock import Clock
from tests.api.polling.counting_airflow import CountingAirflow


@pytest.fixture
def airflow() -> CountingAirflow:
    return CountingAirflow()


@pytest.fixture
def runs(airflow: CountingAirflow, clock: Clock) -> RecentRuns:
    return RecentRuns(airflow, clock)
