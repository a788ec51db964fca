"""Run a stage in a separate process, as an Airflow task does, but without Airflow. Used by the tests of this folder.

The processes are forked from one that has imported the stages, as Airflow's are: to import takes a second.
"""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection

from ingest.errors.types import IngestError
from ingest.stages.run_stage import run_stage
from ingest.states.stages import Stage

END_SECONDS = 120
FINISHED = "finished"
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload([__name__, "sqlalchemy.dialects.postgresql.psycopg2"])


class StageProcess:
    """A process that runs one stage of a job with `settings` in its environment."""

    def __init__(self, stage: str, job_id: int, settings: Mapping[str, str]) -> None:
        self._outcome, sending = FORKING.Pipe(duplex=False)
        self._process = FORKING.Process(target=_run, args=(stage, job_id, dict(settings), sending))
        self._process.start()
        sending.close()

    def outcome(self) -> str:
        """Wait until the process ends; return the name of the error that it raised, FINISHED, or "" if it was killed."""
        assert self._outcome.poll(END_SECONDS), "the process does not end"
        outcome = ""
        with suppress(EOFError):
            outcome = str(self._outcome.recv())
        self._process.join(END_SECONDS)
        return outcome

    def exit_status(self) -> int | None:
        """Wait until the process ends; return its exit status, which is negative after a signal, or None if it runs on."""
        self._process.join(END_SECONDS)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send the process a signal."""
        assert self._process.pid
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill the process, also one that is suspended; do nothing when it has ended."""
        if self._process.is_alive():
            self._process.kill()
            self._process.join(END_SECONDS)


Start = Callable[[str, int], StageProcess]


def _run(stage: str, job_id: int, settings: Mapping[str, str], outcome: Connection) -> None:
    os.environ.update(settings)
    try:
        run_stage(Stage(stage), job_id, attempt=1, last_try=False)
    except IngestError as error:
        outcome.send(type(error).__name__)
    else:
        outcome.send(FINISHED)
