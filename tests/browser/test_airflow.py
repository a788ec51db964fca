"""An operator in Airflow's UI, without a shell: find a failed job, understand it, repair its cause, retry it."""

import json

from playwright.sync_api import Page, expect

from tests.archive_outage import ArchiveOutage
from tests.browser.airflow_pages import expect_marked, log_in, mark, open_list, open_tab, shown
from tools.bundles import file_entry, make_bundle, transaction
from tools.stack import Stack

WAITING_JOBS = 10
LOST = b"a source that is missing at first"


def wait_for_archive(stack: Stack, count: int) -> list[int]:
    """Create jobs, and return them when they wait for the archive."""
    jobs = [stack.post(make_bundle()) for _ in range(count)]
    for job in jobs:
        stack.wait(job, lambda state: "archive unavailable" in state["exception"])
    return jobs


def test_failed_job_is_found_understood_repaired_and_retried(stack: Stack, page: Page):
    source = stack.home / "move" / "lost.raw"
    document = [*transaction(), file_entry("data/lost.raw", LOST, source=str(source))]
    job = stack.post(json.dumps(document).encode(), "/move", "application/json")
    stack.wait_for_end(job)

    log_in(page, stack)
    frame = open_list(page)
    frame.get_by_role("region", name="Failed in the last 24 hours").get_by_role("link", name="source_invalid").click()
    frame.get_by_role("rowheader", name=str(job), exact=True).get_by_role("link").click()
    frame.get_by_role("link", name="Run in Airflow").click()
    page.get_by_role("link", name="Bundle", exact=True).click()
    frame = shown(page)
    expect(frame.get_by_text("fix the file or the setting, then retry").first).to_be_visible()
    expect(frame.get_by_text("lost.raw").first).to_be_visible()

    source.write_bytes(LOST)
    frame.get_by_role("link", name="Retry …").click()
    frame.get_by_role("button", name="Retry the job").click()
    expect(frame.get_by_role("heading", name=f"Job {job}", exact=True)).to_be_visible()
    mark(frame)
    expect(frame.locator(".job-heading .state")).to_have_text("complete", timeout=120_000)
    expect(frame.get_by_text("The archive holds all files")).to_be_visible()
    expect_marked(frame)


def test_waiting_jobs_are_selected_and_retried(stack: Stack, page: Page, archive_outage: ArchiveOutage):
    with archive_outage.unavailable():
        jobs = wait_for_archive(stack, WAITING_JOBS)
        log_in(page, stack)
        frame = open_list(page)
        # Without a filter by state: a job whose next attempt runs does not wait at that moment.
        for job in jobs:
            frame.get_by_label(f"Select job {job}", exact=True).check()
        frame.get_by_role("button", name="Retry selected jobs").click()
        expect(frame.get_by_role("heading", name=f"Retry {WAITING_JOBS} jobs?")).to_be_visible()
        frame.get_by_role("button", name=f"Retry {WAITING_JOBS} jobs").click()
        results = f"Retried {WAITING_JOBS} of {WAITING_JOBS} jobs"
        expect(frame.get_by_role("heading", name=results)).to_be_visible()
    for job in jobs:
        assert stack.wait_for_end(job)["state"] == "OK"


def test_waiting_job_is_canceled(stack: Stack, page: Page, archive_outage: ArchiveOutage):
    with archive_outage.unavailable():
        [job] = wait_for_archive(stack, 1)
        log_in(page, stack)
        frame = open_tab(page, stack, "ingest", job)
        expect(frame.get_by_text("The job continues by itself.")).to_be_visible()
        frame.get_by_role("link", name="Cancel …").click()
        frame.get_by_role("button", name="Cancel the job").click()
        expect(frame.locator(".job-heading .state")).to_have_text("canceled")
    assert "by an admin" in stack.state(job)["exception"]
