"""Airflow's api-server is killed while it receives another bundle for a job: the page says so; nothing is lost or left."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from ingest.ledger.jobs import read
from tests.browser.airflow_pages import log_in
from tests.browser.chromium import new_page, running_browser
from tests.faults.end_assertions import assert_complete, spooled
from tests.faults.points import Points
from tests.faults.test_receive_killed import BUNDLE, CONTENTS, RETENTION_SECONDS, announced, is_removed
from tools.stack import Stack, answers
from tools.stack_contents import events
from tools.waiting import wait_until

SERVES_AGAIN_SECONDS = 120


@pytest.fixture
def rejected(stack: Stack) -> int:
    """Return a job whose bundle is not a tar."""
    job = stack.post(b"not a tar" * 300)
    stack.wait_for_end(job)
    return job


def send(page: Page, path: Path) -> None:
    page.get_by_label("Bundle").set_input_files(path)
    page.get_by_role("button", name="Replace the bundle and run the job").click()


def test_bundle_whose_receiver_is_killed_is_not_lost_and_leaves_nothing(
    stack: Stack, ledger: Engine, points: Points, rejected: int, tmp_path: Path
):
    path = tmp_path / "fixed.tar"
    path.write_bytes(BUNDLE)
    before, names = events(ledger, rejected), spooled(stack, rejected)
    with running_browser() as browser, new_page(browser, server_dies=True) as page:
        log_in(page, stack)
        page.goto(f"{stack.airflow}/ingest-view/jobs/{rejected}/bundle")
        points.arm("receive.reading", rejected, passes=3)
        send(page, path)
        expect(page.get_by_role("alert")).to_contain_text("The connection broke")
        assert not points.is_armed("receive.reading", rejected)
        # The job has its old bundle. What has arrived of the new one is known, and retention removes it.
        assert (events(ledger, rejected), rejected in announced(ledger)) == (before, True)
        assert set(names) < set(spooled(stack, rejected))
        wait_until(lambda: answers(stack.airflow), SERVES_AGAIN_SECONDS, lambda: "the api-server does not start again")
        wait_until(lambda: is_removed(stack, ledger, rejected), RETENTION_SECONDS, lambda: "the part stays")
        assert (spooled(stack, rejected), read(ledger, rejected).record.is_stopped) == (names, True)
        send(page, path)
        expect(page.get_by_role("heading", name=f"Job {rejected}", exact=True)).to_be_visible()
    assert_complete(stack, ledger, rejected, CONTENTS)
