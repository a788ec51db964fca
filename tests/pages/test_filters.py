"""The filters of the list: what a query string selects, and what it says about input that cannot be read."""

from datetime import UTC, datetime

import pytest

from ingest.ledger.job_list import JobFilter, Place
from ingest.pages.filters import read_query
from ingest.states.job_record import Phase
from ingest.states.stages import Kind


def test_no_filter_selects_all_jobs():
    query = read_query({"q": " ", "state": "", "since": ""})
    assert (query.filter, query.fields, query.after, query.faults) == (JobFilter(), {}, None, ())


def test_each_filter_is_read():
    given = {
        "q": " ada ",
        "state": "failed",
        "kind": "move",
        "user": "ada",
        "project": "1234a",
        "instrument": "54",
        "code": "bundle_invalid",
        "since": "2026-11-29",
        "until": "2026-11-30",
        "cursor": "1764000000000000-17",
    }
    query = read_query(given)
    assert query.filter == JobFilter(
        phase=Phase.FAILED,
        kind=Kind.MOVE,
        user="ada",
        project="1234a",
        instrument="54",
        code="bundle_invalid",
        since=datetime(2026, 11, 29, tzinfo=UTC),
        # The last day belongs to the list.
        until=datetime(2026, 12, 1, tzinfo=UTC),
        search="ada",
    )
    assert query.after == Place(datetime(2025, 11, 24, 16, tzinfo=UTC), 17)
    assert query.text("q") == "ada"


def test_until_may_be_a_moment():
    assert read_query({"until": "2026-11-30T02:00:00+02:00"}).filter.until == datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"state": "lost"}, "state cannot be read; use one of waiting, running, failed, complete."),
        ({"kind": "x"}, "kind cannot be read; use one of ingest, move."),
        ({"since": "yesterday"}, "since cannot be read; use a day such as 2026-11-30."),
        ({"until": "9999-12-31"}, "until cannot be read; use a day such as 2026-11-30."),
        ({"q": "a\x00"}, "q cannot be read; use at most 1,000 characters."),
        ({"user": "a" * 1001}, "user cannot be read; use at most 1,000 characters."),
        ({"cursor": "17"}, "cursor cannot be read; use the address of the next page as it is."),
        ({"sate": "failed"}, "There is no filter 'sate'."),
    ],
)
def test_input_that_cannot_be_read_is_reported(given: dict[str, str], fault: str):
    assert read_query(given).faults == (fault,)


def test_links_keep_the_other_filters_and_begin_at_the_first_page():
    query = read_query({"user": "a&b", "state": "failed", "cursor": "1-2"})
    assert query.query() == "user=a%26b&state=failed"
    assert query.query(state="") == "user=a%26b"
    place = Place(datetime(2026, 11, 30, tzinfo=UTC), 9)
    assert Place.from_cursor(place.cursor) == place
    assert query.page_after(place).endswith(f"&cursor={place.cursor}")


def test_a_list_of_one_kind_refuses_the_other_one():
    assert read_query({}).of_kinds([Kind.MOVE]).filter.kind is Kind.MOVE
    assert read_query({"kind": "move"}).of_kinds([Kind.MOVE]).faults == ()
    assert read_query({"kind": "ingest"}).of_kinds([Kind.MOVE]).faults == (
        "This list shows jobs of the kind move only.",
    )
