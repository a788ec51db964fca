"""The limit of log lines that one client can cause."""

import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from api.serving import log_limit
from api.serving.log_limit import LINES_PER_CLIENT, ClientLimit
from tests.api.clock import Clock

Log = Callable[..., None]


@pytest.fixture
def written(clock: Clock) -> Iterator[list[str]]:
    """Yield the lines that a log with the limit has written."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Lines()
    handler.addFilter(ClientLimit(clock))
    logging.getLogger("api").addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger("api").removeHandler(handler)


@pytest.fixture
def log() -> Log:
    """Log a line in a request of a client."""
    app = Flask("test")

    def log(line: str, address: str, name: str = "api.error_handlers") -> None:
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            logging.getLogger(name).warning(line)

    return log


def test_lines_beyond_the_limit_are_suppressed_for_one_client_only(written: list[str], log: Log):
    for number in range(LINES_PER_CLIENT + 5):
        log(f"line {number}", "192.0.2.1")
    log("other", "192.0.2.2")
    assert written == [*(f"line {number}" for number in range(LINES_PER_CLIENT)), "other"]


def test_suppressed_lines_are_counted_in_the_next_minute(written: list[str], log: Log, clock: Clock):
    for _ in range(LINES_PER_CLIENT + 5):
        log("line", "192.0.2.1")
    clock.now = log_limit.WINDOW_SECONDS
    log("other", "192.0.2.2")
    log("again", "192.0.2.1")
    assert written[LINES_PER_CLIENT:] == ["suppressed 5 more lines caused by 192.0.2.1", "other", "again"]


def test_received_jobs_and_lines_outside_a_request_are_never_suppressed(written: list[str], log: Log):
    for number in range(LINES_PER_CLIENT + 5):
        log(f"job {number} received", "192.0.2.1", "api.receiving.create_job")
        logging.getLogger("api.probes.background_probe").warning("line %d", number)
    assert len(written) == 2 * (LINES_PER_CLIENT + 5)


def test_clients_beyond_the_limit_share_one_count(written: list[str], log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log_limit, "MAX_CLIENTS", 2)
    for number in range(LINES_PER_CLIENT + 5):
        log("line", f"2001:db8::{number:x}")
    assert len(written) == LINES_PER_CLIENT + 2
