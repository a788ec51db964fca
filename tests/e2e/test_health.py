"""Health and readiness of the whole stack, and its documentation page."""

import requests

from tools.stack import TIMEOUT_SECONDS, Stack
from tools.waiting import wait_until


def test_every_part_of_the_stack_is_ready(stack: Stack):
    def ready() -> bool:
        document = requests.get(f"{stack.api}/readyz", timeout=TIMEOUT_SECONDS).json()
        return all(document[part]["ready"] for part in ("database", "spool", "airflow"))

    # On a busy machine the scheduler may miss a heartbeat.
    wait_until(ready, 60, lambda: requests.get(f"{stack.api}/readyz", timeout=TIMEOUT_SECONDS).text)


def test_the_stack_has_its_page(stack: Stack):
    assert requests.get(f"{stack.api}/healthz", timeout=TIMEOUT_SECONDS).json() == {"alive": True}
    assert "swagger-ui" in requests.get(f"{stack.api}/docs", timeout=TIMEOUT_SECONDS).text
    assert requests.get(f"{stack.api}/openapi.json", timeout=TIMEOUT_SECONDS).json()["openapi"].startswith("3.1")
