"""A clock that a test sets."""

from dataclasses import dataclass


@dataclass
class Clock:
    """The time, as the test sets it."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now
