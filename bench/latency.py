"""`make bench`: how long a tiny bundle takes from POST to complete, on a stack that runs (`make run`).

    .venv/bin/python bench/latency.py [http://127.0.0.1:8066] [runs]

Polls as often as it can, so that what is measured is the service and not the poll; one run after the other, then as many
at once. Writes a line a run, then median and spread.
"""

import statistics
import sys
import time
from datetime import UTC, datetime

import requests

from ingest.local.sample import make_bundle

DEFAULT_URL = "http://127.0.0.1:8066"
RUNS = 20
TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.02


def main(url: str = DEFAULT_URL, runs: str = str(RUNS)) -> None:
    """Measure and print."""
    bundle = make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC))
    session = requests.Session()
    seconds = []
    for number in range(int(runs)):
        started = time.monotonic()
        wait_for_end(session, url, post(session, url, bundle))
        seconds.append(time.monotonic() - started)
        print(f"run {number + 1}: {seconds[-1]:.2f} s")  # noqa: T201
    started = time.monotonic()
    for job in [post(session, url, bundle) for _ in seconds]:
        wait_for_end(session, url, job)
    print(  # noqa: T201
        f"one at a time: median {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} s; "
        f"{len(seconds)} at once: {time.monotonic() - started:.1f} s"
    )


def post(session: requests.Session, url: str, bundle: bytes) -> int:
    """Post the bundle; gives the job id."""
    headers = {"Content-Type": "application/octet-stream"}
    answer = session.post(f"{url}/ingest", data=bundle, headers=headers, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return int(answer.json()["job_id"])


def wait_for_end(session: requests.Session, url: str, job: int) -> None:
    """Poll until the job is complete; raises RuntimeError when it failed."""
    while True:
        state = session.get(f"{url}/get_state/{job}", timeout=TIMEOUT_SECONDS).json()
        if state["state"] != "OK":
            raise RuntimeError(f"job {job} failed: {state}")
        if state["complete"]:
            return
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
