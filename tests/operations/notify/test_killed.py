"""A process that is killed at any step of a delivery loses no notification, and every try has the same id."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.ledger import webhooks
from ingest.ledger.events import EventKind
from ingest.states.notifications import NotificationState
from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tests.operations.notify.conftest import Notify, happen, let_time_pass, notifications, receive_job, webhook_of
from tests.operations.notify.receiver import SECRET, Receiver
from tools.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]
SECONDS = 60
KILLED = -9
WaitForKill = Callable[[], None]


@pytest.fixture
def points(tmp_path: Path) -> Points:
    return Points(tmp_path)


@pytest.fixture
def wait_for_kill(separate_url: str, receiver: Receiver, points: Points, tmp_path: Path) -> WaitForKill:
    """Return a function that runs a notifier until it is killed."""
    ini = tmp_path / "config.ini"
    ini.write_text(f"[webhook:lab]\nurl = {receiver.url}\nsecret = {SECRET}\nallow_private = true\n")
    environment = {
        **{"INGEST_CONFIG": str(ini), "INGEST_DATABASE_URL": separate_url, VARIABLE: str(points.folder)},
        "PYTHONPATH": os.pathsep.join([str(PROJECT / "plugins"), str(PROJECT)]),
    }

    def run() -> None:
        command = [sys.executable, "-m", "tests.operations.notify.run_notifier"]
        process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=PROJECT)
        try:
            assert process.wait(SECONDS) == KILLED
        finally:
            process.kill()

    return run


@pytest.mark.parametrize(("point", "tries"), [("notify.claimed", 1), ("notify.sent", 2), ("notify.recorded", 1)])
def test_killed_process_loses_no_notification(
    separate_engine: Engine,
    notifying: Notify,
    receiver: Receiver,
    points: Points,
    wait_for_kill: WaitForKill,
    point: str,
    tries: int,
):
    webhooks.synchronize(separate_engine, [webhook_of(receiver)])
    job = receive_job(separate_engine)
    happen(separate_engine, job, EventKind.CATALOGED)
    points.arm(point, job)
    wait_for_kill()
    # As if the lease of the killed process were over.
    let_time_pass(separate_engine)
    with notifying(webhook_of(receiver)):
        wait_until(
            lambda: all(each.state == NotificationState.DELIVERED for each in notifications(separate_engine)),
            SECONDS,
            lambda: f"received only {receiver.received}",
        )
    assert receiver.of_job(job) == ["job.received"] * tries + ["job.completed"]
    assert len({each.message_id for each in receiver.received}) == 2
