"""Names and texts of strangers on the pages about one job: each is shown harmless, and the whole page stays small."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from ingest.ledger.models import File
from ingest.pages.job_actions import show_confirmation
from ingest.pages.job_events import show_events
from ingest.pages.job_files import show_files
from ingest.pages.selection import Action
from tests.api.routes.job_lists import add_event, make_job
from tests.hostile_texts import ALL_HOSTILE
from tests.pages.job_examples import OPERATOR, error, page_of

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{ 7191 * 7 }}"
ARABIC = "نتائج"
HOSTILE = f"{MARKUP} {ARABIC} {ALL_HOSTILE} {'x' * 10_000}"
# A name that is shortened is also in a title.
LARGEST_PAGE = 400_000
Show = Callable[[Engine, int], str]
PAGES: dict[str, Show] = {
    "job": page_of,
    "files": lambda engine, job: show_files(engine, OPERATOR, job, {"path": MARKUP}),
    "files without a match": lambda engine, job: show_files(engine, OPERATOR, job, {"path": MARKUP + "!"}),
    "events": lambda engine, job: show_events(engine, OPERATOR, job, {}, is_operator=True),
    "confirmation": lambda engine, job: show_confirmation(engine, OPERATOR, Action.RETRY, job),
}


@pytest.fixture(scope="module")
def hostile_job(database_engine: Engine) -> int:
    """Return a job in which every text of a stranger is hostile."""
    faults = [{"code": "file_missing", "text": HOSTILE}]
    cause = error("metadata_invalid", HOSTILE, "load_metadata", faults=faults)
    names: dict[str, Any] = {"project": HOSTILE, "instrument": HOSTILE}
    job = make_job(database_engine, HOSTILE, **names, error=cause, outcome="rejected")
    file = {"job_id": job, "hash_type": MARKUP, "hash_sum": HOSTILE, "size": 1}
    with database_engine.begin() as connection:
        connection.execute(insert(File), [{**file, "path": f"{MARKUP} {HOSTILE} {number}"} for number in range(12)])
    add_event(database_engine, job, "stage_failed", code="metadata_invalid", text=HOSTILE)
    return job


@pytest.mark.parametrize("show", PAGES.values(), ids=PAGES)
def test_hostile_texts_do_no_harm(database_engine: Engine, hostile_job: int, show: Show):
    page = show(database_engine, hostile_job)
    assert "alert(1)" in page
    for harmful in ("<script>alert", "<img src=x", "\x1b", "\u202e", "\u2066", "\u2028", "\x08", "50337"):
        assert harmful not in page
    assert page.count("<bdi") == page.count("</bdi>")
    assert len(page) < LARGEST_PAGE


def test_text_of_another_direction_is_isolated(database_engine: Engine):
    page = page_of(database_engine, make_job(database_engine, ARABIC))
    assert f"<bdi>{ARABIC}</bdi>" in page


def test_long_name_is_shortened_with_the_whole_name_in_its_title(database_engine: Engine):
    name = "n" * 1000
    page = page_of(database_engine, make_job(database_engine, name))
    assert f'title="{name}"' in page
    assert f">{name}<" not in page


def test_advice_shows_code_as_code(database_engine: Engine):
    job = make_job(database_engine, "ada", error=error("metadata_invalid", "why"))
    assert "<code>metadata.txt</code> is missing" in page_of(database_engine, job)


@pytest.mark.parametrize("code", ["unheard_of", "<b>"])
def test_error_without_advice_is_shown(database_engine: Engine, code: str):
    job = make_job(database_engine, "ada", error=error(code, "why it failed"))
    page = page_of(database_engine, job)
    assert "why it failed" in page
    assert "What to do" not in page
    assert "<b>" not in page
