"""The canceler: a thread that cancels random jobs at random moments, as their uploader does. Started by `soak`."""

import threading
from http import HTTPStatus
from random import Random

import requests

from tools.soak.journal import Answered, Cancellation, Journal

PAUSE_SECONDS = (0.5, 8.0)
REPEAT_SECONDS = 1.0
TIMEOUT_SECONDS = 30
REQUESTED, REFUSED = "a cancellation", "a cancellation that was refused"


class Canceler(threading.Thread):
    """Cancels until the journal is over; a request is repeated until it is answered."""

    def __init__(self, seed: int, api: str, journal: Journal) -> None:
        super().__init__(name="canceler", daemon=True)
        self._api = api
        self._journal = journal
        self._chance = Random(seed)

    def run(self) -> None:
        """See `threading.Thread.run`."""
        while not self._journal.over.wait(self._chance.uniform(*PAUSE_SECONDS)):
            jobs = [job for job in self._journal.jobs(ended=False) if job.cancellation is Cancellation.NONE]
            if jobs:
                self._cancel(self._chance.choice(jobs))

    def _cancel(self, job: Answered) -> None:
        # Before the request, whose answer may be lost.
        job.cancellation = Cancellation.REQUESTED
        while not self._request(job) and not self._journal.over.wait(REPEAT_SECONDS):
            pass

    def _request(self, job: Answered) -> bool:
        """Request a cancellation; return whether it was answered."""
        try:
            answer = requests.post(f"{self._api}/jobs/{job.job_id}/cancel", timeout=TIMEOUT_SECONDS)
        except requests.RequestException:
            return False
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return False
        if answer.ok:
            job.cancellation = Cancellation.DONE
        elif answer.status_code == HTTPStatus.CONFLICT:
            job.cancellation = Cancellation.REFUSED
        else:
            self._journal.violate(
                job.job_id, f"its cancellation was answered {answer.status_code}: {answer.text[:300]}"
            )
        self._journal.faults[REQUESTED if answer.ok else REFUSED] += 1
        return True
