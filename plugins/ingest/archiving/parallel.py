"""Call a function for many items in parallel.

Used by `ingest.archiving.batches` and `file_ids`, which mostly wait for responses of the archive.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_failure: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Call a function for each item, in up to `workers` threads, and return the results in the order of the items.

    After the first exception no further call starts. It is raised once the running calls have ended, so no call is running
    when this function returns or raises. `on_failure` is called before that wait and may make the running calls end early.
    """
    if workers == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        # In copies of this thread's context, which holds the open span.
        calls = [pool.submit(copy_context().run, function, item) for item in items]
        try:
            for call in as_completed(calls):
                call.result()
        except BaseException:
            on_failure()
            pool.shutdown(cancel_futures=True)
            raise
    return [call.result() for call in calls]
