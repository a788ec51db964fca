"""The pages of jobs at the API, as an uploader sees them."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.archive_outage import ArchiveOutage
from tests.browser.chromium import new_page
from tools.bundles import make_bundle
from tools.stack import Stack


def test_page_of_a_job_follows_it_to_its_end(stack: Stack, page: Page):
    outage = ArchiveOutage(stack.home / "archive")
    with outage.unavailable():
        job = stack.post(make_bundle())
        stack.wait(job, lambda state: "archive unavailable" in state["exception"])
        page.goto(f"{stack.api}/ui/")
        page.get_by_role("rowheader", name=str(job), exact=True).get_by_role("link").click()
        expect(page.locator(".job-heading .state")).to_have_text("waiting")
        expect(page.get_by_text("The job continues by itself.")).to_be_visible()
        page.evaluate("window.isTheSame = true")
    expect(page.locator(".job-heading .state")).to_have_text("complete", timeout=120_000)
    assert page.evaluate("window.isTheSame") is True


def test_job_is_canceled_after_a_question(stack: Stack, page: Page):
    with ArchiveOutage(stack.home / "archive").unavailable():
        job = stack.post(make_bundle())
        page.goto(f"{stack.api}/ui/jobs/{job}")
        page.get_by_role("link", name="Cancel …").click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(page).to_have_url(re.compile(f"/ui/jobs/{job}$"))
        expect(page.locator(".job-heading .state")).to_have_text("canceled")


def test_times_are_those_of_the_readers_zone_with_utc_on_hover(stack: Stack, page: Page):
    job = stack.post(make_bundle())
    page.goto(f"{stack.api}/ui/jobs/{job}")
    received = page.locator("dt", has_text="Received").locator("xpath=following-sibling::dd").locator("time")
    expect(received).to_have_attribute("title", re.compile(r" UTC$"))
    # The browser of these tests is in Los Angeles.
    expect(received).not_to_have_text(re.compile("UTC"))


def test_pages_work_without_javascript(stack: Stack, browser: Browser):
    job = stack.post(make_bundle())
    stack.wait_for_end(job)
    with new_page(browser, java_script_enabled=False) as page:
        page.goto(f"{stack.api}/ui/")
        page.get_by_role("rowheader", name=str(job), exact=True).get_by_role("link").click()
        expect(page.get_by_text("The archive holds all files")).to_be_visible()
        page.get_by_role("link", name="All files").click()
        expect(page.get_by_role("table")).to_be_visible()
        page.goto(f"{stack.api}/ui/upload")
        expect(page.get_by_text("This form needs JavaScript")).to_be_visible()


def test_admin_runs_another_bundle_as_a_failed_job(stack: Stack, page: Page, tmp_path: Path):
    job = stack.post(b"not a tar" * 300)
    stack.wait_for_end(job)
    (tmp_path / "empty.tar").touch()
    make_bundle(path=tmp_path / "fixed.tar")
    page.goto(f"{stack.api}/ui/jobs/{job}")
    page.get_by_role("link", name="Run another bundle as this job …").click()
    for name in ("empty.tar", "fixed.tar"):
        page.get_by_label("Bundle").set_input_files(tmp_path / name)
        page.get_by_role("button", name="Replace the bundle and run the job").click()
        if name == "empty.tar":
            expect(page.get_by_role("alert")).to_contain_text("nothing was sent")
    expect(page).to_have_url(re.compile(f"/ui/jobs/{job}$"))
    expect(page.locator(".job-heading .state")).to_have_text("complete", timeout=120_000)


def test_uploader_exports_the_jobs_of_a_filter(stack: Stack, page: Page):
    job = stack.post(make_bundle())
    stack.wait_for_end(job)
    page.goto(f"{stack.api}/ui/jobs?q={job}")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download all as CSV").click()
    with downloaded.value.path().open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["job"], row["state"], downloaded.value.suggested_filename) == (str(job), "complete", "jobs.csv")
