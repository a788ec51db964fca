"""Failpoints (`ingest.system.failpoints`) of a running stack: arm one for a job, wait until it is reached, release it."""

from dataclasses import dataclass
from pathlib import Path

from ingest.system.failpoints import HELD_SUFFIX
from tools.waiting import wait_until

REACHED_SECONDS = 90


@dataclass(frozen=True)
class Points:
    """The folder that a stack's INGEST_FAILPOINTS names."""

    folder: Path

    def arm(self, name: str, job_id: int, action: str = "kill", passes: int = 0) -> None:
        """Kill or hold the process that reaches a point of a job for the (passes + 1)th time."""
        armed = self._path(name, job_id)
        # Rename it into place, so that no process reads half of it.
        written = self.folder / f"{armed.name}.new"
        written.write_text(f"{action} {passes}")
        written.rename(armed)

    def is_armed(self, name: str, job_id: int) -> bool:
        """Return whether no process reached the point yet."""
        return self._path(name, job_id).exists()

    def wait_until_reached(self, name: str, job_id: int, seconds: float = REACHED_SECONDS) -> None:
        """Wait until a process was killed, or is held, at a point."""
        wait_until(lambda: not self.is_armed(name, job_id), seconds, lambda: f"job {job_id} never reaches {name}")

    def release(self, name: str, job_id: int) -> None:
        """Let a held process continue."""
        path = self._path(name, job_id)
        path.with_name(path.name + HELD_SUFFIX).unlink()

    def _path(self, name: str, job_id: int) -> Path:
        return self.folder / f"{job_id}-{name}"
