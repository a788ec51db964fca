"""Doing the same for many items, several at once.

Called by what asks the archive for many files: most of the time goes by waiting for its answers.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_failure: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Call a function for each item, in up to `workers` threads, and give the results in the order of the items.

    What a call raises is raised here when those under way have ended, and no other begins; `on_failure` is called
    before, and may tell them to end sooner. So nothing is under way any more when this returns, however it does.
    """
    if workers == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        calls = [pool.submit(function, item) for item in items]
        try:
            for call in as_completed(calls):
                call.result()
        except BaseException:
            on_failure()
            pool.shutdown(cancel_futures=True)
            raise
    return [call.result() for call in calls]
