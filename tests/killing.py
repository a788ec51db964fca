"""Ends a stage between two of its steps, as a kill would."""

from collections.abc import Callable

import pytest

Patch = tuple[object, str]


class Killed(BaseException):
    """Ends a stage; like SIGKILL, nothing catches it."""


def die(*_: object, **__: object) -> None:
    """Replace a function; the process ends there."""
    raise Killed


def kill_at_step(monkeypatch: pytest.MonkeyPatch, step: int, patches: list[Patch]) -> None:
    """Kill before or after a call of the named functions: step 0 is before the first call, 1 after it, and so on."""
    steps = iter(range(1000))

    def killing(function: Callable[..., object]) -> Callable[..., object]:
        def stepped(*arguments: object, **named: object) -> object:
            if next(steps) == step:
                raise Killed
            result = function(*arguments, **named)
            if next(steps) == step:
                raise Killed
            return result

        return stepped

    for owner, name in patches:
        monkeypatch.setattr(owner, name, killing(getattr(owner, name)))
