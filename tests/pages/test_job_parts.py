"""The lists of a job's files and events: filters, pages, and what is said when there is nothing to show."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import Engine

from ingest.errors.types import ReceivedByOriginal, UnknownJob
from ingest.ledger import job_pages
from ingest.pages import job_events, job_files
from ingest.pages.cursors import LARGEST_ROW, row_of
from tests.api.routes.job_lists import add_event, add_files, make_job
from tests.pages.job_examples import OPERATOR, error, words

NEXT = re.compile(r'rel="next" href="([^"]+)"')
PATH = re.compile(r"run \d/file (\d{4})")
Show = Callable[[dict[str, str]], str]


def follow(show: Show, query: dict[str, str]) -> Iterator[str]:
    """Yield all pages of a list, each by the link of the page before."""
    following: dict[str, str] | None = query
    while following is not None:
        page = show(following)
        yield page
        found = NEXT.search(page)
        following = dict(parse_qsl(urlsplit(found[1].replace("&amp;", "&")).query)) if found else None


@pytest.fixture
def job(database_engine: Engine) -> int:
    made = make_job(database_engine, "ada")
    add_files(database_engine, made, 10)
    return made


@pytest.fixture
def show_files(database_engine: Engine, job: int) -> Show:
    return lambda query: job_files.show_files(database_engine, OPERATOR, job, query)


@pytest.mark.parametrize("size", [1, 3, 9, 10, 11])
def test_pages_of_files_hold_each_file_once(show_files: Show, monkeypatch: pytest.MonkeyPatch, size: int):
    monkeypatch.setattr(job_files, "FILES_OF_PAGE", size)
    found = [PATH.findall(page) for page in follow(show_files, {})]
    assert [number for page in found for number in page] == [f"{number:04}" for number in range(10)]
    assert max(map(len, found)) == min(size, 10)


def test_filter_is_kept_on_the_following_pages(show_files: Show, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_files, "FILES_OF_PAGE", 2)
    found = [PATH.findall(page) for page in follow(show_files, {"path": "run 1/", "state": "pending"})]
    assert found == [["0001", "0003"], ["0005", "0007"], ["0009"]]


def test_search_that_continues_on_the_next_page_says_so(show_files: Show, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_pages, "MAX_EXAMINED", 4)
    first, *_, last = follow(show_files, {"path": "0009"})
    assert "the search continues on the next page" in words(first)
    assert PATH.findall(last) == ["0009"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"path": "%"}, "No files match; change the filter."),
        ({"state": "archived"}, "No files match; change the filter."),
    ],
)
def test_list_without_files_says_why(show_files: Show, query: dict[str, str], sentence: str):
    assert sentence in words(show_files(query))


def test_job_without_files_says_so(database_engine: Engine):
    job = make_job(database_engine, "ada")
    assert "No files have been recorded." in words(job_files.show_files(database_engine, OPERATOR, job, {}))


@pytest.mark.parametrize(
    "query", [{"state": "x"}, {"cursor": "x"}, {"cursor": "-1"}, {"path": "\0"}, {"cursor": "9" * 99}]
)
def test_value_that_cannot_be_read_is_no_error(show_files: Show, query: dict[str, str]):
    assert "Files of job" in words(show_files(query))


@pytest.mark.parametrize(
    ("cursor", "row"), [("7", 7), ("", 0), ("x", 0), ("²", 0), ("9" * 19, LARGEST_ROW), ("9" * 20, 0)]
)
def test_place_in_a_list(cursor: str, row: int):
    assert row_of({"cursor": cursor}) == row


def test_file_shows_its_fault(database_engine: Engine, job: int, show_files: Show):
    fault = {"code": "size_differs", "text": "file 'run 1/file 0001' has 5 bytes instead of 1"}
    failed = make_job(database_engine, "ada", error=error("metadata_invalid", "t", faults=[fault]))
    add_files(database_engine, failed, 3)
    text = words(job_files.show_files(database_engine, OPERATOR, failed, {}))
    assert text.count(fault["text"]) == 1
    assert f"run 1/file 0001 {fault['text']}" in text


def test_pages_of_events_hold_each_event_once_the_oldest_first(
    database_engine: Engine, job: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_events, "EVENTS_OF_PAGE", 2)
    for number in range(3):
        add_event(database_engine, job, "stage_failed", stage="open_tar", code="x", text=f"number {number}")
    show = lambda query: job_events.show_events(database_engine, OPERATOR, job, query, is_operator=True)  # noqa: E731
    found = [re.findall(r"number \d|bytes by ada", page) for page in follow(show, {})]
    assert found == [["bytes by ada", "number 0"], ["number 1", "number 2"]]


def test_unknown_job_has_no_lists(database_engine: Engine):
    for show in (job_files.show_files, lambda *a: job_events.show_events(*a, is_operator=True)):
        with pytest.raises(UnknownJob) as raised:
            show(database_engine, OPERATOR, 2**62, {})
        assert not isinstance(raised.value, ReceivedByOriginal)
