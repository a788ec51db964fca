"""Doing the same for many items, several at once.

Called by what asks the archive for many files: most of the time goes by waiting for its answers.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    function: Callable[[Item], Result], items: Sequence[Item], at_once: int, end: Callable[[], None] = lambda: None
) -> list[Result]:
    """Call a function for each item, in up to `at_once` threads, and give the results in the order of the items.

    What a call raises is raised here when those under way have ended, and no other begins; `end` is called before, and may
    tell them to end sooner. So nothing is under way any more when this returns, however it does.
    """
    if at_once == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(at_once) as pool:
        calls = [pool.submit(function, item) for item in items]
        try:
            for call in as_completed(calls):
                call.result()
        except BaseException:
            end()
            pool.shutdown(cancel_futures=True)
            raise
    return [call.result() for call in calls]
