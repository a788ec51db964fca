"""The state of a job, and the wait for its end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pacifica_ingest_client.errors import JobFailed, JobRejected, ServiceFailed
from pacifica_ingest_client.progress import Progress
from pacifica_ingest_client.service.calls import job_id_of
from pacifica_ingest_client.service.connection import Connection, json_of
from pacifica_ingest_client.service.retries import Retries

# The service begins every text with this that the uploader must act on (docs/reference/api.md), behind a code and a colon.
FOR_UPLOADER = "the uploader must fix this"
LAST_TASK = "ingest metadata"
SHORTEST_POLL, LONGEST_POLL = 0.5, 10.0
# A poll follows after this part of the time that the job has taken so far.
POLLED_PART = 20


@dataclass(frozen=True)
class JobState:
    """The state of a job, as the service answered."""

    job_id: int
    is_ok: bool
    task: str
    percent: float
    exception: str
    complete: bool


def read_state(connection: Connection, job_id: int) -> JobState:
    """Query the state of a job; raises ServiceUnavailable, RequestRefused, ServiceFailed."""
    return _state_of(json_of(connection.request("GET", "/get_state", params={"job_id": str(job_id)})))


def wait_for_job(connection: Connection, job_id: int, retries: Retries, progress: Progress) -> JobState:
    """Wait until a job is cataloged; return its state. Raises JobRejected, JobFailed, and the errors of `read_state`."""
    began, shown = time.monotonic(), ""
    while True:
        state = retries.call(lambda: read_state(connection, job_id))
        if state.complete:
            return _checked(state)
        if state.task != shown:
            shown = state.task
            progress.start(f"job {job_id}: {shown}", None)
        progress.move_to(state.percent)
        time.sleep(min(max((time.monotonic() - began) / POLLED_PART, SHORTEST_POLL), LONGEST_POLL))


def _state_of(document: dict[str, Any]) -> JobState:
    try:
        is_ok, task, percent = document["state"] == "OK", str(document["task"]), float(document["task_percent"])
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceFailed("the service's answer is no state of a job; is it the right URL?") from error
    # pacifica-ingest 0.4.1 does not say whether a job is complete.
    is_last = task == LAST_TASK and int(percent) == 100  # noqa: PLR2004
    complete = bool(document.get("complete", not is_ok or is_last))
    return JobState(job_id_of(document), is_ok, task, percent, str(document.get("exception") or ""), complete)


def _checked(state: JobState) -> JobState:
    if state.is_ok:
        return state
    where = f"job {state.job_id} failed at '{state.task}'"
    code, _, sentence = state.exception.partition(": ")
    if sentence.startswith(FOR_UPLOADER):
        faults = tuple(sentence[len(FOR_UPLOADER) :].lstrip(": ").split("; "))
        raise JobRejected(f"{where} ({code}): {FOR_UPLOADER}", faults, state.job_id)
    raise JobFailed(f"{where}: {state.exception or 'no reason was stated'}", job_id=state.job_id)
