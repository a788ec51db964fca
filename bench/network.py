"""`make bench`: how promptly many clients are answered while bundles are uploaded, on a stack that runs (`make run`).

    .venv/bin/python bench/network.py [http://127.0.0.1:8066] [requests] [clients] [uploaders]

Each client asks for the state of a job, again and again, on a connection that it keeps; each uploader sends one bundle after
the other until they have ended. Writes for both how many there were, how many a second, and how long one took. The clients
are threads of one process, so on a machine of few cores they are a good part of what is measured.
"""

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import requests
import urllib3

from ingest.local.sample import make_bundle

DEFAULT_URL = "http://127.0.0.1:8066"
REQUESTS = 20_000
CLIENTS = 16
UPLOADERS = 2
BUNDLE_BYTES = 16 * 1024**2
TIMEOUT_SECONDS = 60


def main(
    url: str = DEFAULT_URL, count: str = str(REQUESTS), clients: str = str(CLIENTS), uploaders: str = str(UPLOADERS)
) -> None:
    """Measure and print."""
    bundle, ended = make_bundle({"blob": bytes(BUNDLE_BYTES)}, datetime.now(UTC)), Event()
    job_id = upload(url, bundle)
    with ThreadPoolExecutor(int(clients) + int(uploaders)) as pool:
        uploading = [pool.submit(until, ended, lambda: upload(url, bundle)) for _ in range(int(uploaders))]
        begun = time.monotonic()
        share = int(count) // int(clients)
        asking = [pool.submit(ask, f"{url}/get_state/{job_id}", share) for _ in range(int(clients))]
        asked = [seconds for each in asking for seconds in each.result()]
        took = time.monotonic() - begun
        ended.set()
        uploaded = [seconds for each in uploading for seconds in each.result()]
    report(f"get_state, {clients} clients", asked, took)
    report(f"uploads of {BUNDLE_BYTES} bytes, {uploaders} uploaders", uploaded, took)


def ask(address: str, count: int) -> list[float]:
    """Ask so many times on one connection; gives the seconds of each."""
    with urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False) as connection:
        return [timed(lambda: answered(connection.request("GET", address).status)) for _ in range(count)]


def upload(url: str, bundle: bytes) -> int:
    """Send the bundle; gives the job id."""
    answer = requests.post(f"{url}/upload", data=bundle, timeout=TIMEOUT_SECONDS)
    answered(answer.status_code)
    return int(answer.json()["job_id"])


def until(ended: Event, act: Callable[[], object]) -> list[float]:
    """Act at least once, and again until the others have ended; gives the seconds of each."""
    seconds = [timed(act)]
    while not ended.is_set():
        seconds.append(timed(act))
    return seconds


def timed(act: Callable[[], object]) -> float:
    """Give how many seconds an act takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def answered(status: int) -> None:
    """Raise RuntimeError for anything but a 200."""
    if status != requests.codes.ok:
        raise RuntimeError(f"answered with {status}")


def report(what: str, seconds: list[float], took: float) -> None:
    """Print how long one took: half of them at most the first figure, 99 of a hundred at most the second."""
    parts = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    print(  # noqa: T201
        f"{what}: {len(seconds)}, {len(seconds) / took:.1f} a second; p50 {parts[49] * 1000:.0f} ms, "
        f"p99 {parts[98] * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
