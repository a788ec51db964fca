"""Run a stage in a separate process, as an Airflow task does, but without Airflow. Used by the tests of this folder."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ingest.errors.types import IngestError
from ingest.stages.run_stage import run_stage
from ingest.states.stages import Stage

ROOT = Path(__file__).parents[3]
END_SECONDS = 120
FINISHED = "finished"


class StageProcess:
    """A process that runs one stage of a job with `settings` in its environment."""

    def __init__(self, stage: str, job_id: int, settings: Mapping[str, str]) -> None:
        path = os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, stage, str(job_id)],
            env={**os.environ, **settings, "PYTHONPATH": path},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def outcome(self) -> str:
        """Wait until the process ends; return the name of the error that it raised, or FINISHED."""
        printed, _ = self._process.communicate(timeout=END_SECONDS)
        return printed

    def exit_status(self) -> int:
        """Wait until the process ends; return its exit status."""
        return self._process.wait(END_SECONDS)

    def send_signal(self, number: int) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process, also one that is suspended; do nothing when it has ended."""
        self._process.kill()
        self._process.communicate(timeout=END_SECONDS)


Start = Callable[[str, int], StageProcess]


def main() -> None:
    """Run the stage and the job that the arguments name."""
    stage, job_id = Stage(sys.argv[1]), int(sys.argv[2])
    try:
        run_stage(stage, job_id, attempt=1, last_try=False)
    except IngestError as error:
        sys.stdout.write(type(error).__name__)
    else:
        sys.stdout.write(FINISHED)


if __name__ == "__main__":
    main()
