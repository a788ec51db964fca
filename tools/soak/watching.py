"""The watcher: a thread that polls the state of all jobs, as clients do, and records impossible states.

Started by `soak`. An unavailable API is no violation.
"""

import threading
import time
from random import Random

import requests

from ingest.states.job_record import JobStatus
from tools.soak.journal import Answered, Cancellation, Journal
from tools.stack import State

ROUND_SECONDS = 1.0
TIMEOUT_SECONDS = 20
# Airflow notices a lost task after three minutes, and waits before it tries again; a busy machine is slow on top.
STANDSTILL_SECONDS = 480
POLLED_ENDED_JOBS = 5
CANCELED = "canceled: "


class Watcher(threading.Thread):
    """Polls until `end` is called."""

    def __init__(self, api: str, journal: Journal) -> None:
        super().__init__(name="watcher", daemon=True)
        self._api = api
        self._journal = journal
        self._chance = Random(0)
        self._ended = threading.Event()
        self._session = requests.Session()

    def run(self) -> None:
        """See `threading.Thread.run`."""
        while not self._ended.wait(ROUND_SECONDS):
            ended = self._journal.jobs(ended=True)
            sample = self._chance.sample(ended, min(POLLED_ENDED_JOBS, len(ended)))
            for job in [*self._journal.jobs(ended=False), *sample]:
                self._poll(job)

    def end(self) -> None:
        """End the thread and wait for it."""
        self._ended.set()
        self.join()

    def _poll(self, job: Answered) -> None:
        # Before the request: a state may have been read before a cancellation that is answered meanwhile.
        canceled = job.cancellation is Cancellation.DONE
        try:
            answer = self._session.get(f"{self._api}/get_state", params={"job_id": job.job_id}, timeout=TIMEOUT_SECONDS)
        except requests.RequestException:
            job.shown_since = time.monotonic()
            return
        if answer.ok:
            if fault := compare_states(job, answer.json(), time.monotonic(), canceled=canceled):
                self._journal.violate(job.job_id, fault)
        elif answer.status_code < requests.codes.server_error:
            self._journal.violate(job.job_id, f"get_state of an answered job is {answer.status_code}: {answer.text}")


def compare_states(job: Answered, state: State, now: float, *, canceled: bool = False) -> str | None:
    """Compare the state shown now with the one before; return the violation, or None.

    `canceled`: whether the cancellation of the job was answered before its state was requested.
    """
    fault = _fault_of_cancellation(job, state, canceled=canceled) or _fault(job, state, now)
    if state != job.shown:
        job.shown, job.shown_since = state, now
    if not state["complete"]:
        job.ended = None
    elif job.ended is None:
        job.ended = now
    return fault


def is_canceled(state: State) -> bool:
    """Return whether a state is that of a canceled job."""
    return bool(state["complete"]) and state["state"] == JobStatus.FAILED and state["exception"].startswith(CANCELED)


def _fault_of_cancellation(job: Answered, state: State, *, canceled: bool) -> str | None:
    if is_canceled(state):
        return "is shown as canceled, and nobody did" if job.cancellation is Cancellation.NONE else None
    if canceled or (job.shown and is_canceled(job.shown)):
        return f"was canceled, and is shown as {_words(state)}"
    return None


def _fault(job: Answered, state: State, now: float) -> str | None:
    shown, failed = _words(state), state["state"] == JobStatus.FAILED
    if job.shown.get("complete") and not state["complete"] and not job.touched:
        return f"was shown as ended, and then as {shown}"
    if job.shown.get("complete") and job.shown["state"] != JobStatus.FAILED and failed:
        return f"was shown as complete, and then as {shown}"
    if state["complete"] and failed and job.good and not job.touched and not is_canceled(state):
        return f"a good job is shown as {shown}"
    if state["complete"] and not failed and not job.good:
        return "a bad job is shown as complete"
    if state == job.shown and not state["complete"] and now - job.shown_since > STANDSTILL_SECONDS:
        return f"is shown as {shown} for more than {STANDSTILL_SECONDS} s without a change"
    return None


def _words(state: State) -> str:
    return f"{state['state']} {state['task']}: {state['exception']}"
