"""The place that serves the pages of these tests."""

import pytest

from ingest.pages.site import Site


@pytest.fixture
def site() -> Site:
    return Site("", "ada", "../", may_retry=True, may_cancel=True, csrf_token="a token")
