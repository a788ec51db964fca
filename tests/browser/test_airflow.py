"""An operator in Airflow's UI, without a shell: find, understand, repair, retry, cancel and export jobs."""

import csv
import json
import re
from pathlib import Path

from playwright.sync_api import FrameLocator, Page, expect

from ingest.pages.selection import NOT_BEGUN
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


def post_move_without_source(stack: Stack, source: Path) -> int:
    """Create a job that fails because the source of a move is missing; return it when it has failed."""
    document = [*transaction(), file_entry(f"data/{source.name}", LOST, source=str(source))]
    job = stack.post(json.dumps(document).encode(), "/move", "application/json")
    stack.wait_for_end(job)
    return job


def find_by_cause(page: Page, job: int, code: str) -> FrameLocator:
    """Find a failed job in the list by its cause, and open the tab of its run."""
    frame = open_list(page)
    frame.get_by_role("region", name="Failed in the last 24 hours").get_by_role("link", name=code).click()
    frame.get_by_role("rowheader", name=str(job), exact=True).get_by_role("link").click()
    frame.get_by_role("link", name="Run in Airflow").click()
    page.get_by_role("link", name="Bundle", exact=True).click()
    return shown(page)


def expect_completion(frame: FrameLocator, job: int) -> None:
    """Watch the page of a job until the job is complete, without loading the page again."""
    expect(frame.get_by_role("heading", name=f"Job {job}", exact=True)).to_be_visible(timeout=120_000)
    mark(frame)
    expect(frame.locator(".job-heading .state")).to_have_text("complete", timeout=120_000)
    expect(frame.get_by_text("The archive holds all files")).to_be_visible()
    expect_marked(frame)


def download(page: Page, frame: FrameLocator) -> list[dict[str, str]]:
    """Export the list that is shown; return its rows."""
    with page.expect_download() as downloaded:
        frame.get_by_role("link", name="Download all as CSV").click()
    assert downloaded.value.suggested_filename.endswith(".csv")
    with downloaded.value.path().open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_operator_without_a_shell_does_all_that_a_failed_job_needs(
    stack: Stack, page: Page, archive_outage: ArchiveOutage, tmp_path: Path
):
    source = stack.home / "move" / "lost.raw"
    lost, wrong = post_move_without_source(stack, source), stack.post(b"not a tar" * 300)
    stack.wait_for_end(wrong)
    log_in(page, stack)

    # Find, understand, repair, retry.
    frame = find_by_cause(page, lost, "source_invalid")
    expect(frame.get_by_text("fix the file or the setting, then retry").first).to_be_visible()
    expect(frame.get_by_text("lost.raw").first).to_be_visible()
    source.write_bytes(LOST)
    frame.get_by_role("link", name="Retry …").click()
    frame.get_by_role("button", name="Retry the job").click()
    expect_completion(frame, lost)

    # Repair a bundle that is at fault.
    make_bundle(path=tmp_path / "fixed.tar")
    frame = find_by_cause(page, wrong, "bundle_invalid")
    expect(frame.get_by_text("send a fixed bundle").first).to_be_visible()
    frame.get_by_role("link", name="Run another bundle as this job …").click()
    frame.get_by_label("Bundle").set_input_files(tmp_path / "fixed.tar")
    frame.get_by_role("button", name="Replace the bundle and run the job").click()
    expect_completion(frame, wrong)

    # Cancel.
    with archive_outage.unavailable():
        [waiting] = wait_for_archive(stack, 1)
        frame = open_tab(page, stack, "ingest", waiting)
        expect(frame.get_by_text("The job continues by itself.")).to_be_visible()
        frame.get_by_role("link", name="Cancel …").click()
        frame.get_by_role("button", name="Cancel the job").click()
        expect(frame.locator(".job-heading .state")).to_have_text("canceled")
    assert "by an admin" in stack.state(waiting)["exception"]

    # Export: the jobs that are complete, and the files of one.
    frame = open_list(page)
    frame.get_by_label("State").select_option("complete")
    frame.get_by_role("button", name="Filter").click()
    expect(frame.get_by_role("rowheader", name=str(waiting), exact=True)).to_have_count(0)
    states = {row["job"]: row["state"] for row in download(page, frame)}
    assert set(states.values()) == {"complete"}
    assert {str(lost), str(wrong)} <= states.keys()
    frame.get_by_role("rowheader", name=str(lost), exact=True).get_by_role("link").click()
    frame.get_by_role("link", name="All files").click()
    assert [(row["path"], row["state"]) for row in download(page, frame)] == [("lost.raw", "archived")]


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
        # On a busy machine, the time of one request ends before all are retried.
        results = re.compile(f"Retried [1-9][0-9]* of {WAITING_JOBS} jobs")
        expect(frame.get_by_role("heading", name=results)).to_be_visible()
        not_retried = frame.get_by_role("list", name="Results").get_by_role("listitem").filter(has_text="not done")
        assert [text for text in not_retried.all_inner_texts() if NOT_BEGUN not in text] == []
    for job in jobs:
        assert stack.wait_for_end(job)["state"] == "OK"
