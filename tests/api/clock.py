"""A clock that a test sets."""

from dataclasses import dataclass


@dataclass
class Clock:
    """A clock that returns the time that the test has set."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now
