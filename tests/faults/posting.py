"""Post a bundle as clients do while an API is killed: until it is answered, to any of several APIs."""

from itertools import cycle

import requests

from tools.bundles import make_bundle
from tools.stack import Stack
from tools.waiting import wait_until

ANSWERED_SECONDS = 60


def post_until_answered(*stacks: Stack) -> int:
    """Post a bundle to one API after the other until the answer is 200; return the job id."""
    answered: list[requests.Response] = []
    apis = cycle(stacks)

    def is_answered() -> bool:
        try:
            answered[:] = [next(apis).send(make_bundle())]
        except requests.ConnectionError:
            return False
        return answered[0].ok

    wait_until(is_answered, ANSWERED_SECONDS, lambda: f"no upload is answered 200: {[each.text for each in answered]}")
    return int(answered[0].json()["job_id"])
