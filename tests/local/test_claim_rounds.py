"""config/celery_claims.py: which tasks are lost, with a real Redis and real Celery workers, without Airflow."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from celery import Celery
from celery.result import AsyncResult
from celery_claims import LOST_AFTER_ROUNDS, ClaimRounds

from tests.redis_server import needs_redis
from tools.waiting import wait_until

pytestmark = needs_redis

WORKER = """
import sys, time
from celery import Celery

app = Celery("test", broker=sys.argv[1], backend=sys.argv[2])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, task_track_started=True)

@app.task(name="sleep")
def sleep(seconds):
    time.sleep(seconds)

app.worker_main(["worker", "--concurrency", "1", "--hostname", sys.argv[3], "--loglevel", "ERROR"])
"""
SECONDS = 60
# Short, so that the test is fast: these workers have nothing else to do.
ANSWER_SECONDS = 2.0
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def started() -> Iterator[ExitStack]:
    """Return a stack of callbacks that end the programs of a test."""
    with ExitStack() as callbacks:
        yield callbacks


@pytest.fixture
def start_redis(tmp_path: Path, started: ExitStack) -> Start:
    """Return a function that starts Redis with the same data."""
    words = ["redis-server", "--port", "0", "--unixsocket", str(tmp_path / "socket"), "--dir", str(tmp_path)]
    return lambda: start(started, [*words, "--appendonly", "yes"])


@pytest.fixture
def app(tmp_path: Path, start_redis: Start) -> Celery:
    """Return an application with a broker of its own."""
    start_redis()
    wait_until((tmp_path / "socket").exists, SECONDS, lambda: "Redis does not start")
    url = f"redis+socket://{tmp_path}/socket"
    return Celery("test", broker=url, backend=f"db+sqlite:///{tmp_path}/results")


@pytest.fixture
def start_worker(app: Celery, started: ExitStack) -> Start:
    """Return a function that starts a worker, always under the same name."""
    script = [sys.executable, "-c", WORKER, app.conf.broker_url, app.conf.result_backend, "one@localhost"]
    return lambda: start(started, script)


def start(started: ExitStack, words: list[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    started.callback(process.wait, SECONDS)
    started.callback(process.kill)
    return process


@pytest.fixture
def rounds(app: Celery) -> ClaimRounds:
    return ClaimRounds(app.control.inspect(timeout=ANSWER_SECONDS))


def send(app: Celery, seconds: float) -> AsyncResult:
    return app.send_task("sleep", [seconds])


def wait_for_start(task: AsyncResult) -> None:
    wait_until(lambda: task.state == "STARTED", SECONDS, lambda: f"the task is {task.state}")


def is_lost_after(rounds: ClaimRounds, task: AsyncResult, count: int = LOST_AFTER_ROUNDS) -> bool:
    for _ in range(count):
        # As the scheduler does in each of its loops.
        rounds.is_lost(task.id)
        rounds.run_round()
    return rounds.is_lost(task.id)


def test_a_running_task_is_claimed_and_that_of_a_killed_worker_is_lost(
    app: Celery, rounds: ClaimRounds, start_worker: Start
):
    worker, task = start_worker(), send(app, SECONDS)
    wait_for_start(task)
    assert not is_lost_after(rounds, task)
    worker.kill()
    assert not is_lost_after(rounds, task, LOST_AFTER_ROUNDS - 1)
    assert is_lost_after(rounds, task, 1)


def test_a_worker_that_is_started_again_under_its_name_does_not_claim_the_task_of_the_killed_one(
    app: Celery, rounds: ClaimRounds, start_worker: Start
):
    worker, task = start_worker(), send(app, SECONDS)
    wait_for_start(task)
    worker.kill()
    start_worker()
    wait_until(lambda: bool(app.control.ping(timeout=1.0)), SECONDS, lambda: "the worker does not start")
    assert is_lost_after(rounds, task)


def test_no_task_is_lost_because_the_broker_is_unavailable(
    app: Celery, rounds: ClaimRounds, start_redis: Start, start_worker: Start
):
    start_worker()
    task = send(app, SECONDS)
    wait_for_start(task)
    shut_down(app)
    assert not is_lost_after(rounds, task)
    start_redis()
    wait_until(lambda: bool(app.control.ping(timeout=1.0)), SECONDS, lambda: "the worker does not connect again")
    assert not is_lost_after(rounds, task)


def test_a_suspended_worker_answers_late_and_loses_no_task(app: Celery, rounds: ClaimRounds, start_worker: Start):
    worker, task = start_worker(), send(app, SECONDS)
    wait_for_start(task)
    for _ in range(2):
        worker.send_signal(signal.SIGSTOP)
        assert not is_lost_after(rounds, task, LOST_AFTER_ROUNDS - 1)
        worker.send_signal(signal.SIGCONT)
        time.sleep(ANSWER_SECONDS)
        assert not is_lost_after(rounds, task, 1)


def shut_down(app: Celery) -> None:
    with app.connection_for_write() as connection:
        connection.default_channel.client.shutdown(nosave=True)


def test_rounds_before_the_start_of_a_task_do_not_count(app: Celery, rounds: ClaimRounds):
    task = send(app, SECONDS)
    # It waits in the broker, so the scheduler does not ask for it yet.
    for _ in range(LOST_AFTER_ROUNDS):
        rounds.run_round()
    assert not rounds.is_lost(task.id)


def test_rounds_while_the_scheduler_is_suspended_do_not_count(app: Celery, rounds: ClaimRounds):
    task = send(app, SECONDS)
    assert not is_lost_after(rounds, task, LOST_AFTER_ROUNDS - 1)
    rounds.run_round()
    rounds.run_round()
    assert not is_lost_after(rounds, task, LOST_AFTER_ROUNDS - 1)
