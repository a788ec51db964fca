"""The metrics of the whole stack: what the stages did, counted by housekeeping."""

from datetime import datetime

import requests
from sqlalchemy import Engine

from ingest.ledger.database import transaction
from ingest.ledger.event_totals import last_counted
from tests.api.metrics.scraping import Scrape
from tools.bundles import make_bundle
from tools.metrics_comparison import compare_metrics, read_samples
from tools.stack import Stack
from tools.waiting import wait_until


def read_last_counted(engine: Engine) -> datetime | None:
    with transaction(engine) as session:
        return last_counted(session)


def count_again(stack: Stack, ledger: Engine) -> None:
    """Run housekeeping, and wait until it has counted."""
    begun = read_last_counted(ledger)
    stack.run_housekeeping()
    wait_until(lambda: read_last_counted(ledger) != begun, 120, lambda: "housekeeping does not count")


def test_metrics_are_those_of_the_ledger_before_and_after_housekeeping(stack: Stack, ledger: Engine) -> None:
    jobs = [stack.post(make_bundle()), stack.post(b"no tar" * 1000)]
    states = [stack.wait_for_end(job)["state"] for job in jobs]
    assert states == ["OK", "FAILED"]
    wait_until(
        lambda: not compare_metrics(stack.api, ledger), 60, lambda: "\n".join(compare_metrics(stack.api, ledger))
    )
    before, counted = read_samples(stack.api), read_last_counted(ledger)
    # The first run finds the events, a second one adds them.
    for _ in range(2):
        count_again(stack, ledger)
    assert read_last_counted(ledger) != counted
    wait_until(
        lambda: not compare_metrics(stack.api, ledger), 60, lambda: "\n".join(compare_metrics(stack.api, ledger))
    )
    after = read_samples(stack.api)
    counters = [name for name in before if name[0] != "jobs"]
    assert all(after[name] >= before[name] for name in counters)


def test_parts_of_a_running_stack_are_ready(stack: Stack) -> None:
    found = Scrape(requests.get(f"{stack.api}/metrics", timeout=30).text)
    assert [found.value("part_ready", part=part) for part in ("database", "spool", "airflow")] == [1, 1, 1]
    assert found.value("stage_duration_seconds_count", kind="ingest", stage="ingest_files")
