"""Uploads bundles to the deployment's API, as instruments with a bad network do, and waits for their jobs."""

import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from tools.bundles import make_bundle
from tools.waiting import wait_until

API = "http://127.0.0.1:8066"
REQUEST_SECONDS = 30
# The first request is still in progress; nginx does not reach the API; the API is not ready.
AGAIN = frozenset({409, 502, 503, 504})
AGAIN_SECONDS = 120
JOB_SECONDS = 300


@dataclass
class Uploader:
    """A user of the API: the arguments for `requests` that authenticate the user, and the jobs that were accepted."""

    options: dict[str, Any]
    url: str = API
    jobs: list[int] = field(default_factory=list)

    def get(self, path: str, **parameters: int) -> requests.Response:
        """Return the answer to a GET."""
        return requests.get(self.url + path, params=parameters, timeout=REQUEST_SECONDS, **self.options)

    def upload(self, bundle: bytes) -> requests.Response:
        """Post a bundle once; return the answer."""
        return self._post(bundle, secrets.token_hex())

    def upload_until_accepted(self, bundle: bytes) -> int:
        """Post a bundle again until it is accepted, under one Idempotency-Key; return the job."""
        key, end = secrets.token_hex(), time.monotonic() + AGAIN_SECONDS
        while True:
            try:
                answer = self._post(bundle, key)
            except requests.RequestException as error:
                failure = repr(error)
            else:
                if answer.status_code == 200:
                    self.jobs.append(int(answer.json()["job_id"]))
                    return self.jobs[-1]
                failure = f"{answer.status_code} {answer.text}"
                assert answer.status_code in AGAIN, failure
            assert time.monotonic() < end, failure
            time.sleep(1)

    def upload_many(self, count: int) -> list[int]:
        """Post small bundles simultaneously; return their jobs."""
        bundles = [make_bundle({f"data/{secrets.token_hex(8)}.txt": b"one\n"}) for _ in range(count)]
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(self.upload_until_accepted, bundles))

    def upload_large(self, files: int) -> int:
        """Post one bundle of many files, whose stages take many seconds; return its job."""
        name = secrets.token_hex(8)
        return self.upload_until_accepted(make_bundle({f"data/{name}/{i}.txt": b"%d\n" % i for i in range(files)}))

    def state(self, job: int) -> dict[str, object]:
        """Return the state JSON of a job, or the reason why there is none at the moment."""
        try:
            answer = self.get("/get_state", job_id=job)
        except requests.RequestException as error:
            return {"unavailable": repr(error)}
        return dict(answer.json()) if answer.status_code == 200 else {"unavailable": answer.text}

    def wait(self, jobs: Iterable[int], seconds: float = JOB_SECONDS) -> None:
        """Wait until jobs are complete; raise AssertionError if one has failed."""
        remaining = set(jobs)
        states: dict[int, dict[str, object]] = {}

        def complete() -> bool:
            for job in sorted(remaining):
                states[job] = self.state(job)
                if states[job].get("complete"):
                    assert states[job]["state"] == "OK", f"job {job} has failed: {states[job]}"
                    remaining.discard(job)
            return not remaining

        wait_until(complete, seconds, lambda: f"not complete: {[(job, states[job]) for job in sorted(remaining)][:5]}")

    def wait_until_failed(self, job: int) -> None:
        """Wait until a job has failed."""
        wait_until(lambda: self.state(job).get("state") == "FAILED", JOB_SECONDS, lambda: str(self.state(job)))

    def wait_for_api(self, seconds: float) -> None:
        """Wait until the API answers."""

        def answers() -> bool:
            try:
                return self.get("/").ok
            except requests.RequestException:
                return False

        wait_until(answers, seconds, lambda: "the API does not answer")

    def _post(self, bundle: bytes, key: str) -> requests.Response:
        headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": f'"{key}"'}
        options = {**self.options, "headers": {**self.options.get("headers", {}), **headers}}
        return requests.post(f"{self.url}/ingest", data=bundle, timeout=REQUEST_SECONDS, **options)


def with_token(token: str) -> Uploader:
    """Return the user of a token."""
    return Uploader({"headers": {"Authorization": f"Bearer {token}"}})
