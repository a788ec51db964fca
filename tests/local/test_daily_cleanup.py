"""When the launcher starts the program that cleans Airflow's tables."""

from typing import cast

import pytest

from ingest.local import daily_cleanup, program
from ingest.local.daily_cleanup import FIRST_SECONDS, INTERVAL_SECONDS, DailyCleanup
from ingest.local.supervision import Supervisor


class Programs:
    """Records what is started; the program ends only when a test says so."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.running = 0

    def process(self, _name: str) -> int:
        return self.running

    def start(self, name: str) -> None:
        self.started.append(name)
        self.running = 1


@pytest.mark.parametrize(("ends", "starts"), [(True, 3), (False, 1)])
def test_it_starts_once_a_day_unless_it_still_runs(monkeypatch: pytest.MonkeyPatch, ends: bool, starts: int):
    now = [0.0]
    monkeypatch.setattr(daily_cleanup.time, "monotonic", lambda: now[0])
    programs = Programs()
    cleanup = DailyCleanup(cast(Supervisor, programs))
    for now[0] in (0.0, FIRST_SECONDS - 1):
        cleanup.check()
    assert programs.started == []
    for day in range(3):
        for now[0] in (FIRST_SECONDS + day * INTERVAL_SECONDS, FIRST_SECONDS + (day + 0.9) * INTERVAL_SECONDS):
            cleanup.check()
        programs.running *= not ends
    assert programs.started == [program.AIRFLOW_CLEANUP] * starts
