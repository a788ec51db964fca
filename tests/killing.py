"""End a stage between two of its steps, as a kill would."""

from collections.abc import Callable

import pytest

Patch = tuple[object, str]


class Killed(BaseException):
    """Raised by a test to end a stage; like SIGKILL, nothing catches it."""


def die(*_: object, **__: object) -> None:
    """Replace a function at which the process ends."""
    raise Killed


def kill_at_step(monkeypatch: pytest.MonkeyPatch, step: int, patches: list[Patch]) -> None:
    """Kill before or after a call of the named functions: step 0 is before the first call, step 1 after it, and so on."""
    steps = iter(range(1000))

    def reach_step() -> None:
        if next(steps) == step:
            raise Killed

    _call_around(monkeypatch, patches, reach_step)


def count_steps(monkeypatch: pytest.MonkeyPatch, patches: list[Patch]) -> Callable[[], int]:
    """Count the steps at which `kill_at_step` can kill; return a function that returns the count so far."""
    reached: list[None] = []
    _call_around(monkeypatch, patches, lambda: reached.append(None))
    return lambda: len(reached)


def _call_around(monkeypatch: pytest.MonkeyPatch, patches: list[Patch], reach_step: Callable[[], None]) -> None:
    """Call a function before and after each call of the named functions."""

    def around(function: Callable[..., object]) -> Callable[..., object]:
        def stepped(*arguments: object, **named: object) -> object:
            reach_step()
            result = function(*arguments, **named)
            reach_step()
            return result

        return stepped

    for owner, name in patches:
        monkeypatch.setattr(owner, name, around(getattr(owner, name)))
