"""What an operator does in Airflow's UI."""

import re

from playwright.sync_api import FrameLocator, Page, expect

from tools.stack import Stack

LOGIN = re.compile("sign in|log in|login", re.IGNORECASE)


def log_in(page: Page, stack: Stack, user: str = "admin") -> None:
    page.goto(stack.airflow)
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(stack.password(user))
    page.get_by_role("button", name=LOGIN).click()
    expect(page.get_by_role("link", name="Ingest", exact=True)).to_be_visible()


def open_list(page: Page) -> FrameLocator:
    """Open the list of jobs from the navigation; return the frame that shows it."""
    page.get_by_role("link", name="Ingest", exact=True).click()
    return shown(page)


def open_tab(page: Page, stack: Stack, dag: str, job: int) -> FrameLocator:
    """Open the tab "Bundle" of a job's run; return the frame that shows it."""
    page.goto(f"{stack.airflow}/dags/{dag}/runs/job-{job}")
    page.get_by_role("link", name="Bundle", exact=True).click()
    return shown(page)


def shown(page: Page) -> FrameLocator:
    """Return the frame that shows our page."""
    return page.frame_locator("iframe")


def mark(frame: FrameLocator) -> None:
    """Mark the document that is shown now."""
    frame.locator("html").evaluate("element => { element.dataset.marked = 'yes' }")


def expect_marked(frame: FrameLocator) -> None:
    """Check that the document was not loaded again since it was marked."""
    expect(frame.locator("html")).to_have_attribute("data-marked", "yes")
