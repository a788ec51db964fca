"""Twenty tiny bundles simultaneously, without open pages, and while ten pages of the jobs are open in Airflow's UI.

An open page loads the list of jobs every two seconds, as `plugins/ingest/pages/static/live.js` does. The cases alternate.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from bench.installation import TIMEOUT_SECONDS, open_session
from bench.measurements import THIS_SERVICE, Line
from bench.rows.tiny import job_seconds
from bench.rows.tiny_at_once import JOBS
from bench.testbed import Testbed
from tools.stack import Stack

NAME = "open_pages"
TITLE = "20 tiny bundles simultaneously, while ten pages are open in Airflow's UI"
LIMIT_LABEL = ""
ROUNDS = 3
PAGES, REFRESH_SECONDS = 10, 2.0


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the jobs in both cases, and the answers of the pages meanwhile."""
    stack = testbed.this_service.stack("built-in")
    client = testbed.this_service.client()
    without: list[float] = []
    with_pages: list[float] = []
    answers: list[float] = []
    for _ in range(testbed.rounds(ROUNDS)):
        without.append(job_seconds(client, JOBS))
        with open_pages(stack, answers):
            with_pages.append(job_seconds(client, JOBS))
    yield Line("no page is open", "s", {THIS_SERVICE: without})
    yield Line(f"{PAGES} pages are open", "s", {THIS_SERVICE: with_pages})
    yield Line("a page is answered in", "ms", {THIS_SERVICE: answers})


@contextmanager
def open_pages(stack: Stack, answers: list[float]) -> Iterator[None]:
    """Keep pages open during the `with` block; append the times of their answers in milliseconds."""
    closed = threading.Event()
    threads = [
        threading.Thread(target=_refresh, args=(open_session(stack), stack, closed, answers)) for _ in range(PAGES)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        closed.set()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)


def _refresh(session: requests.Session, stack: Stack, closed: threading.Event, answers: list[float]) -> None:
    while not closed.wait(REFRESH_SECONDS):
        begun = time.perf_counter()
        session.get(f"{stack.airflow}/ingest-view/jobs", timeout=TIMEOUT_SECONDS).raise_for_status()
        answers.append((time.perf_counter() - begun) * 1000)
