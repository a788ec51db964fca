"""A real Chromium, driven by Playwright; pages that report an error of a script or of the content policy fail the test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
# Set by .ci/run after it has installed Chromium: a missing one is then an error.
REQUIRED = "INGEST_REQUIRE_CHROMIUM"
MILLISECONDS = 60_000


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run Chromium; skip the test where it is not installed."""
    if not CHROMIUM.exists():
        if os.environ.get(REQUIRED):
            pytest.fail(f"{CHROMIUM} is missing")
        pytest.skip(f"{CHROMIUM} is not installed")
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start as root, as which containers of continuous integration run.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=os.getuid() != 0)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(browser: Browser, *, server_dies: bool = False, **options: Any) -> Iterator[Page]:
    """Open a page in a profile of its own; at the end, check that no script of it has failed."""
    errors: list[str] = []
    # Such an answer is an entry of the console, too; tests check what the page says about it.
    expected = ("the server responded with a status of", *(("net::ERR_",) if server_dies else ()))

    def collect(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in expected):
            errors.append(message.text)

    def collect_error(error: Error) -> None:
        errors.append(str(error))

    context = browser.new_context(locale="en-US", timezone_id="America/Los_Angeles", **options)
    context.set_default_timeout(MILLISECONDS)
    try:
        page = context.new_page()
        page.on("console", collect)
        page.on("pageerror", collect_error)
        yield page
        assert errors == []
    finally:
        context.close()
