"""A small process that runs each job in its own child and measures it: `python -m tests.corpus.fork_server`.

It imports only the modules that a stage needs, so that a child starts fast and its memory is that of the job. It
reads a request as a line of JSON and answers with one.
"""

import json
import os
import resource
import signal
import sys
import time
from typing import NoReturn, TypedDict

import sqlalchemy.dialects.postgresql.psycopg2  # noqa: F401 - loaded before the fork

from ingest.errors.types import IngestError, PermanentError
from ingest.stages.run_stage import run_stage
from ingest.states.stages import STAGES, Kind

# Above every case's bound: stops a child before it exhausts the machine.
MOST_MEMORY = 2 * 1024**3


class Request(TypedDict):
    """A job to run, with settings as environment variables and a time limit in seconds."""

    job_id: int
    kind: str
    environment: dict[str, str]
    seconds: float


class Ended(TypedDict):
    """The end of a job; `stage`, `code` and `text` are empty if all stages succeeded."""

    stage: str
    code: str
    text: str
    permanent: bool


class Answer(TypedDict):
    """The measurements of a job; `ended` is None if `signal` stopped it."""

    ended: Ended | None
    signal: int
    seconds: float
    kibibytes: int


def serve() -> None:
    """Answer requests until the end of the input."""
    for line in sys.stdin:
        print(json.dumps(run_measured(json.loads(line))), flush=True)  # noqa: T201 - the answer


def run_measured(request: Request) -> Answer:
    """Run a job in a child process."""
    receiving, sending = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _run_as_child(request, sending)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        output = pipe.read()
    _, status, usage = os.wait4(child, 0)
    return Answer(
        ended=json.loads(output) if output else None,
        signal=os.WTERMSIG(status),
        seconds=time.monotonic() - begun,
        kibibytes=usage.ru_maxrss,
    )


def _run_as_child(request: Request, sending: int) -> NoReturn:
    code = 1
    try:
        signal.alarm(int(request["seconds"]) + 1)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        os.environ.update(request["environment"])
        os.write(sending, json.dumps(_run_stages(request["job_id"], Kind(request["kind"]))).encode())
        code = 0
    finally:
        os._exit(code)


def _run_stages(job_id: int, kind: Kind) -> Ended:
    for stage in STAGES[kind]:
        try:
            run_stage(stage, job_id, 1, last_try=False)
        except IngestError as error:
            return Ended(
                stage=stage, code=error.code, text=error.text_of_job, permanent=isinstance(error, PermanentError)
            )
        except Exception as error:
            return Ended(stage=stage, code=type(error).__name__, text=str(error), permanent=False)
    return Ended(stage="", code="", text="", permanent=False)


if __name__ == "__main__":
    serve()
