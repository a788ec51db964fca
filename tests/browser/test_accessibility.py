"""axe-core finds nothing serious on any page, light and dark, wide and narrow."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.airflow_pages import log_in
from tests.browser.chromium import new_page
from tools.bundles import make_bundle
from tools.stack import Stack

SERIOUS = frozenset({"serious", "critical"})
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
PAGES = (
    "jobs",
    "jobs?state=lost",
    "jobs/{complete}",
    "jobs/{failed}",
    "jobs/{failed}/retry",
    "jobs/{failed}/cancel",
    "jobs/{complete}/files",
    "jobs/{complete}/events",
    "jobs/{complete}/metadata",
    "jobs/confirm?action=cancel&job={failed}",
)
OF_THE_API = ("upload", "nowhere")


@pytest.fixture(scope="module")
def jobs(stack: Stack) -> dict[str, int]:
    """Return a complete job and a failed one."""
    jobs = {"complete": stack.post(make_bundle()), "failed": stack.post(b"not a tar" * 300)}
    for job in jobs.values():
        stack.wait_for_end(job)
    return jobs


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.long)])
def colored_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with new_page(browser, color_scheme=request.param) as page:
        yield page


def faults_of(page: Page) -> list[str]:
    """Return the serious faults of a page, wide and narrow; a narrow page must not be wider than the window."""
    found = []
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        violations = Axe().run(page).response["violations"]
        found += [
            f"{page.url}: {each['id']}: {node['html'][:300]}"
            for each in violations
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(f"{page.url} is wider than a window of {size['width']} pixels")
    return found


def test_pages_at_the_api(stack: Stack, jobs: dict[str, int], colored_page: Page):
    found = []
    for path in (*PAGES, *OF_THE_API):
        colored_page.goto(f"{stack.api}/ui/{path.format(**jobs)}")
        found += faults_of(colored_page)
    assert not found, "\n".join(found)


def test_pages_in_airflow(stack: Stack, jobs: dict[str, int], colored_page: Page):
    log_in(colored_page, stack)
    found = []
    for path in (*PAGES, f"runs/job-{jobs['failed']}", "dags/ingest"):
        colored_page.goto(f"{stack.airflow}/ingest-view/{path.format(**jobs)}")
        found += faults_of(colored_page)
    assert not found, "\n".join(found)
