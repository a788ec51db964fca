"""A real browser, and the real stack that it shows; each started once for all tests of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import new_page, running_browser
from tests.stack_fixtures import archive_outage, ledger  # noqa: F401 - fixtures
from tools.stack import Stack, running_stack

# A job that waits for a service is tried again after seconds.
SETTINGS = {"INGEST_RETRY_DELAY": "2", "INGEST_MAX_RETRY_DELAY": "2"}
SIZE = 24_000_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the stack; not without a browser."""
    with running_stack(tmp_path_factory.mktemp("stack") / "state", SETTINGS) as stack:
        yield stack


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with new_page(browser) as page:
        yield page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with files whose names need a PAX header, and a file that macOS adds."""
    folder = tmp_path / "run-17"
    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / ("long-" * 30 + ".bin")).write_bytes(os.urandom(SIZE))
    (folder / "Größe 1.csv").write_text("1,2\n")
    (folder / "empty.txt").touch()
    (folder / ".DS_Store").write_text("added by macOS")
    return folder
