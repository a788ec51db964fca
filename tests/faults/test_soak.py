"""A soak of less than a minute: what `make soak` does for longer, with faults in quick succession."""

from pathlib import Path

from tests.faults.soak.soak import Soak

SECONDS = 45
SEED = 7
KINDS_OF_FAULTS = 8


def test_nothing_is_lost_and_nothing_is_there_twice_when_processes_are_killed_under_load(tmp_path: Path):
    report = Soak(tmp_path, SEED, gap_seconds=(1.0, 4.0)).run(SECONDS)
    assert report.exit_status == 0, report.text()
    assert sum(count > 0 for count in report.faults.values()) >= KINDS_OF_FAULTS, report.text()
    assert report.jobs["complete"] > 0
    assert "unfinished" not in report.jobs
