"""Makes the images of the pages that the documentation shows: `make screenshots`.

It starts a stack of its own with sample jobs: complete, rejected, and waiting for the archive. Each run replaces the images.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, expect

from tests.archive_outage import ArchiveOutage
from tests.browser.airflow_pages import log_in, open_list, open_tab
from tests.browser.chromium import new_page, running_browser
from tools.bundles import Entry, file_entry, make_bundle
from tools.stack import Stack, running_stack

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDE = {"width": 1440, "height": 900}
USERS = (("ada", "1234a", 54), ("otto", "1234a", 55), ("emmy", "5678b", 54))
RUNS = 4


def send(stack: Stack, user: str, bundle: bytes) -> int:
    """Send a bundle as a user; return its job."""
    headers = {"Content-Type": "application/octet-stream", "X-Http-Authed-User": user}
    answer = requests.post(f"{stack.api}/ingest", data=bundle, headers=headers, timeout=60)
    answer.raise_for_status()
    return int(answer.json()["job_id"])


def sample_bundle(project: str, instrument: int, run: int, wrong_hash: bool = False) -> bytes:
    """Return the bundle of a measurement; with a wrong hash, the archive refuses one of its files."""
    folder = f"data/run-{run}"
    contents = {f"{folder}/spectrum-{number:02}.raw": os.urandom(200_000 * run) for number in range(1, run + 3)}
    contents[f"{folder}/notes.txt"] = b"measured at 20 degrees\n"
    metadata: list[Entry] = [
        {"destinationTable": "Transactions.submitter", "value": 10},
        {"destinationTable": "Transactions.project", "value": project},
        {"destinationTable": "Transactions.instrument", "value": instrument},
        {"destinationTable": "TransactionKeyValue", "key": "Sample", "value": f"A-{run}"},
        *(file_entry(path, b"" if wrong_hash and path.endswith("notes.txt") else content, size=len(content))
          for path, content in contents.items()),
    ]  # fmt: skip
    return make_bundle(contents, metadata)


def make_jobs(stack: Stack) -> int:
    """Create jobs that are complete, and one that is rejected; return that one when all have ended."""
    jobs = [
        send(stack, user, sample_bundle(project, instrument, run))
        for run in range(1, RUNS)
        for user, project, instrument in USERS
    ]
    rejected = send(stack, "ada", sample_bundle("1234a", 54, RUNS, wrong_hash=True))
    for job in (*jobs, rejected):
        stack.wait_for_end(job)
    return rejected


@contextmanager
def waiting_jobs(stack: Stack) -> Iterator[None]:
    """Make two jobs wait for the archive during the block."""
    with ArchiveOutage(stack.home / "archive").unavailable():
        for job in [send(stack, "otto", sample_bundle("1234a", 55, run)) for run in (1, 2)]:
            stack.wait(job, lambda state: "archive unavailable" in state["exception"])
        yield


def show_airflow(page: Page, stack: Stack, rejected: int) -> None:
    """Take the images of the pages inside Airflow."""
    log_in(page, stack)
    frame = open_list(page)
    expect(frame.get_by_text("archive unavailable").first).to_be_visible()
    # The first answers of the services, and the counts.
    expect(frame.get_by_text("not checked yet")).to_have_count(0)
    page.screenshot(path=IMAGES / "airflow-jobs.png")
    frame = open_tab(page, stack, "ingest", rejected)
    expect(frame.get_by_text("What to do").first).to_be_visible()
    page.screenshot(path=IMAGES / "airflow-bundle.png")


def show_api(page: Page, stack: Stack, complete: int) -> None:
    """Take the images of the pages at the API."""
    page.goto(f"{stack.api}/ui/jobs/{complete}")
    page.screenshot(path=IMAGES / "ui-job.png")
    page.goto(f"{stack.api}/ui/upload")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_visible()
    page.screenshot(path=IMAGES / "ui-upload.png")


def take_all(browser: Browser, stack: Stack) -> None:
    """Take all images."""
    rejected = make_jobs(stack)
    with waiting_jobs(stack), new_page(browser, viewport=WIDE) as page:
        show_airflow(page, stack, rejected)
    with new_page(browser, viewport=WIDE, color_scheme="dark") as page:
        show_api(page, stack, rejected - 1)


def main() -> None:
    """Start a stack, and take all images."""
    IMAGES.mkdir(exist_ok=True)
    with (
        running_browser() as browser,
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "stack", {}) as stack,
    ):
        take_all(browser, stack)


if __name__ == "__main__":
    main()
