"""200 clients follow 50 jobs: by `Prefer: wait`, and by polling once a second.

Every job changes once a second. `staleness` is the age of the newest change of the job when an answer has arrived. `CPU` is
the CPU time of the API's processes. No Airflow runs: the API answers from the ledger.
"""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Engine, func, update

from bench.measurements import THIS_SERVICE, Figures, Line, Measurements
from bench.testbed import Testbed
from ingest.ledger.database import make_engine
from ingest.ledger.jobs import Received
from ingest.ledger.models import Job
from ingest.ledger.schema import upgrade_schema
from ingest.local.postgres import create_database
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.api.live_server import Server, serving
from tests.job_creation import create_job
from tools.pacifica_core.database import postgres_in

NAME = "follow_jobs"
TITLE = "200 clients follow 50 jobs that change once a second"
LIMIT_LABEL = ""
CLIENTS, JOBS, SECONDS, ROUNDS = 200, 50, 10, 3
FIRST_ID = 1000
DATABASE = "ingest"
WAITING, POLLING = "Prefer: wait", "one poll a second"
UNITS = {"answers": "/s", "staleness p50": "ms", "staleness p99": "ms", "CPU": "cores", "bad answers": ""}


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure both ways to follow jobs."""
    folder = testbed.folder / "followed jobs"
    with postgres_in(folder) as layout:
        create_database(layout, DATABASE)
        url = f"postgresql://{DATABASE}@/{DATABASE}?host={layout.sockets}"
        engine = make_engine(Settings(database_url=url))
        upgrade_schema(engine)
        for job in range(FIRST_ID, FIRST_ID + JOBS):
            create_job(engine, Received(job, Kind.INGEST, "ada", f"{job}.tar", 1))
        spool = folder / "api" / "spool"
        spool.mkdir(parents=True)
        with serving(spool, url) as server:
            for way in (WAITING, POLLING):
                measured = Measurements()
                rounds = [_follow(server, engine, way) for _ in range(testbed.rounds(ROUNDS))]
                measured.add(THIS_SERVICE, rounds)
                for what, samples in measured.samples.items():
                    yield Line(f"{way}: {what}", UNITS[what], samples, comparable=False)
        engine.dispose()


def _follow(server: Server, engine: Engine, way: str) -> Figures:
    """Follow the jobs for some seconds, and return the figures."""
    changed = dict.fromkeys(range(FIRST_ID, FIRST_ID + JOBS), time.monotonic())
    stop = threading.Event()
    changing = threading.Thread(target=_change, args=(engine, changed, stop))
    changing.start()
    begun, cpu = time.monotonic(), _cpu_seconds(server)
    with ThreadPoolExecutor(CLIENTS) as clients:
        follow = _wait if way == WAITING else _poll
        found = list(clients.map(lambda number: follow(server, changed, FIRST_ID + number % JOBS), range(CLIENTS)))
    cpu, seconds = _cpu_seconds(server) - cpu, time.monotonic() - begun
    stop.set()
    changing.join()
    ages = sorted(age for ages, _ in found for age in ages)
    return {
        "answers": len(ages) / seconds,
        "staleness p50": statistics.median(ages) * 1000,
        "staleness p99": ages[int(len(ages) * 0.99)] * 1000,
        "CPU": cpu / seconds,
        "bad answers": sum(bad for _, bad in found),
    }


def _change(engine: Engine, changed: dict[int, float], stop: threading.Event) -> None:
    """Change every job once a second, distributed evenly, and note the times."""
    while not stop.is_set():
        for job in changed:
            with engine.begin() as connection:
                connection.execute(update(Job).where(Job.id == job).values(updated=func.clock_timestamp()))
            changed[job] = time.monotonic()
            stop.wait(1 / len(changed))


def _wait(server: Server, changed: dict[int, float], job: int) -> tuple[list[float], int]:
    return _request(server, changed, job, "Prefer: wait=30\r\n", lambda _begun: None)


def _poll(server: Server, changed: dict[int, float], job: int) -> tuple[list[float], int]:
    return _request(server, changed, job, "", lambda begun: time.sleep(max(begun + 1 - time.monotonic(), 0)))


def _request(
    server: Server, changed: dict[int, float], job: int, prefer: str, pause: Callable[[float], None]
) -> tuple[list[float], int]:
    """Send requests on one connection; return the age of the newest change at each answer, and the number of bad answers."""
    request = f"GET /jobs/{job} HTTP/1.1\r\nHost: localhost\r\n{prefer}\r\n".encode()
    ages, bad, end = [], 0, time.monotonic() + SECONDS
    with server.connect() as connection:
        while (begun := time.monotonic()) < end:
            connection.sendall(request)
            bad += not _read_answer(connection)
            ages.append(time.monotonic() - changed[job])
            pause(begun)
    return ages, bad


def _read_answer(connection: socket.socket) -> bool:
    """Read an answer to its end; return whether it was 200."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    while len(body) < length:
        body += connection.recv(65536)
    return head.startswith(b"HTTP/1.1 200 ")


def _cpu_seconds(server: Server) -> float:
    """Return the CPU time of the processes of the API, in seconds."""
    fields = [Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split() for worker in server.workers()]
    return sum(int(each[11]) + int(each[12]) for each in fields) / 100
