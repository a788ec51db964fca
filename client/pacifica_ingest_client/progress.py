"""What the client reports while it works. The command shows it (`command.displays`); the library ignores it by default."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one step after the other. `advance` may be called from several threads."""

    def start(self, step: str, total: int | None) -> None:
        """Start a step with a number of bytes, or None for a stage of the job, whose progress is in percent."""

    def advance(self, amount: int) -> None:
        """Add to the progress of the step."""

    def move_to(self, done: float) -> None:
        """Set the progress of the step."""

    def note(self, text: str) -> None:
        """Report something that happened."""

    def finish(self) -> None:
        """End the last step."""


class NoProgress:
    """Ignores everything."""

    def start(self, step: str, total: int | None) -> None:
        """Ignore a step."""

    def advance(self, amount: int) -> None:
        """Ignore progress."""

    def move_to(self, done: float) -> None:
        """Ignore progress."""

    def note(self, text: str) -> None:
        """Ignore a text."""

    def finish(self) -> None:
        """Ignore the end."""
