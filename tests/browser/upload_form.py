"""What a person does at the upload form."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

JOB_PAGE = re.compile(r"/ui/jobs/(\d+)$")


def choose_folder(page: Page, folder: Path) -> None:
    page.get_by_label("choose a folder").set_input_files(folder)


def fill_metadata(page: Page, **pair: str) -> None:
    """Fill the fields that the built-in policy requires, and a pair of a key and a value."""
    for label, value in (("Project", "1234a"), ("Instrument", "54"), ("Submitter", "10")):
        page.get_by_label(label).fill(value)
    if pair:
        page.get_by_role("button", name="Add a key and a value").click()
        page.get_by_label("Key").fill(pair["key"])
        page.get_by_label("Value").fill(pair["value"])


def upload(page: Page) -> int:
    """Send the form, wait for the page of the job, and return its id."""
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page).to_have_url(JOB_PAGE, timeout=120_000)
    return job_of(page)


def job_of(page: Page) -> int:
    found = JOB_PAGE.search(page.url)
    assert found
    return int(found[1])
