"""After an outage of the archive: 200 jobs of one user wait for it, and another user sends a job while they resume.

Nobody acts after the archive is available again, so the time includes up to a minute until housekeeping runs. How many jobs
send files simultaneously is read from the ledger's events. The original service has no waiting jobs.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import requests
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from bench.measurements import THIS_SERVICE, Figures, Line
from bench.testbed import Testbed
from ingest.ledger.database import read_clock
from ingest.ledger.events import EventKind
from ingest.ledger.job_predicates import IS_CATALOGED, IS_WAITING
from ingest.ledger.models import Event, Job
from ingest.settings.loading import DagSettings
from ingest.states.stages import Stage
from tests.archive_outage import ArchiveOutage
from tests.e2e.authenticated_api import authenticated_api, new_token
from tools.bundles import make_bundle
from tools.stack import Stack
from tools.waiting import wait_until

NAME = "after_outage"
TITLE = "200 jobs that wait for the archive, from the end of its outage"
LIMIT_LABEL = ""
JOBS = 200
WAIT_SECONDS = 1800
TIMEOUT_SECONDS = 60
# After its first failed attempt a job waits in the ledger, as after some attempts with the default delays.
SETTINGS = {"INGEST_RETRY_DELAY": "120"}
UNITS = {
    "the first job tries again": "s",
    "the last job tries again": "s",
    "all are complete": "s",
    "jobs that send files simultaneously": "",
    f"of these, jobs that waited; the archive has {DagSettings().archive_slots} slots": "",
    "a new job of another user, POST to complete": "s",
    "jobs of the first user that were completed during it": "",
}


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure one outage."""
    stack = testbed.this_service.stack("built-in", SETTINGS)
    with testbed.this_service.ledger() as ledger, authenticated_api(stack, testbed.folder) as api:
        figures = _measure(stack, api, ledger)
    for (what, unit), figure in zip(UNITS.items(), figures.values(), strict=True):
        yield Line(what, unit, {THIS_SERVICE: [figure]})


def _measure(stack: Stack, api: Stack, ledger: Engine) -> Figures:
    ada, bob = new_token(api, "ada"), new_token(api, "bob")
    with ArchiveOutage(stack.home / "archive").unavailable():
        with ThreadPoolExecutor(4) as senders:
            jobs = list(senders.map(lambda _: _post(api, ada), range(JOBS)))
        _wait_until(lambda: _count(ledger, jobs, IS_WAITING), JOBS)
    with Session(ledger) as session:
        ended = read_clock(session)
    _wait_until(lambda: _count(ledger, jobs, IS_CATALOGED), JOBS // 10)
    before, begun = _count(ledger, jobs, IS_CATALOGED), time.monotonic()
    new = _post(api, bob)
    _wait_until(lambda: _count(ledger, [new], IS_CATALOGED), 1)
    new_seconds, during = time.monotonic() - begun, _count(ledger, jobs, IS_CATALOGED) - before
    _wait_until(lambda: _count(ledger, jobs, IS_CATALOGED), JOBS)
    tries = _tries(ledger, jobs, ended)
    started = [(begin - ended).total_seconds() for begin, _end in tries]
    cataloged = select(func.max(Event.at)).where(Event.job_id.in_(jobs), Event.kind == EventKind.CATALOGED)
    with Session(ledger) as session:
        complete = session.scalars(cataloged).one()
    return {
        "first": min(started),
        "last": max(started),
        "complete": (complete - ended).total_seconds(),
        "simultaneous": _most_simultaneous([*tries, *_tries(ledger, [new], ended)]),
        "resumed": _most_simultaneous(tries),
        "new": new_seconds,
        "during": during,
    }


def _post(api: Stack, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(
        f"{api.api}/upload", make_bundle({"data/tiny.txt": b"tiny"}), headers=headers, timeout=TIMEOUT_SECONDS
    )
    answer.raise_for_status()
    return int(answer.json()["job_id"])


def _count(ledger: Engine, jobs: Sequence[int], condition: object) -> int:
    with Session(ledger) as session:
        return session.scalar(select(func.count()).where(Job.id.in_(jobs), condition)) or 0  # type: ignore[arg-type]


def _tries(ledger: Engine, jobs: Sequence[int], since: datetime) -> list[tuple[datetime, datetime]]:
    """Return beginning and end of each attempt to send files after a time."""
    of_stage = (Event.job_id.in_(jobs), Event.stage == Stage.INGEST_FILES, Event.at > since)
    with Session(ledger) as session:
        events = session.execute(select(Event.job_id, Event.kind, Event.at).where(*of_stage).order_by(Event.id)).all()
    begun: dict[int, datetime] = {}
    tries = []
    for job, kind, at in events:
        if kind == EventKind.STAGE_STARTED:
            begun[job] = at
        elif job in begun:
            tries.append((begun.pop(job), at))
    return tries


def _most_simultaneous(tries: Sequence[tuple[datetime, datetime]]) -> int:
    return max(sum(begin <= at < end for begin, end in tries) for at, _ in tries)


def _wait_until(count: Callable[[], int], wanted: int) -> None:
    wait_until(lambda: count() >= wanted, WAIT_SECONDS, lambda: f"{count()} of {wanted}")
