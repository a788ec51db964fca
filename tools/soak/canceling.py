"""The canceler: a thread that cancels some jobs, each in a random stage, as their uploader does. Started by `soak`."""

import threading
from http import HTTPStatus
from random import Random

import requests

from ingest.states.job_state import RECEIVED_LABEL
from ingest.states.stages import STAGES, Kind
from tools.soak.journal import Answered, Cancellation, Journal

# Of all jobs. One that passes its stage before it is seen there is not canceled.
SHARE = 0.3
PAUSE_SECONDS = (0.2, 2.0)
REPEAT_SECONDS = 1.0
TIMEOUT_SECONDS = 30
REQUESTED, REFUSED = "a cancellation", "a cancellation that was refused"


class Canceler(threading.Thread):
    """Cancels until the journal is over; a request is repeated until it is answered."""

    def __init__(self, seed: int, api: str, journal: Journal) -> None:
        super().__init__(name="canceler", daemon=True)
        self._seed = seed
        self._api = api
        self._journal = journal
        self._chance = Random(seed)

    def run(self) -> None:
        """See `threading.Thread.run`."""
        while not self._journal.over.wait(self._chance.uniform(*PAUSE_SECONDS)):
            jobs = [job for job in self._journal.jobs(ended=False) if self._is_due(job)]
            if jobs:
                self._cancel(self._chance.choice(jobs))

    def _is_due(self, job: Answered) -> bool:
        """Return whether a job is shown in the stage in which it is to be canceled."""
        label = label_of_cancellation(self._seed, job.number, job.kind)
        return job.cancellation is Cancellation.NONE and job.shown.get("task", RECEIVED_LABEL) == label

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


def label_of_cancellation(seed: int, number: int, kind: Kind) -> str | None:
    """Return the label of the stage in which the job of an upload is to be canceled; None if it is not."""
    chance = Random(f"{seed}-{number}-cancellation")
    labels = [RECEIVED_LABEL, *(stage.label for stage in STAGES[kind])]
    return chance.choice(labels) if chance.random() < SHARE else None
