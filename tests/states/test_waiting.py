"""The sentence about a job that waits, its form in the ledger, and the delays between attempts."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.states.waiting import Cause, Waiting, delay_after

ARCHIVE = Cause("archive", "http://archive:8080", "service_unavailable", "Connection refused")
SPOOL = Cause("spool", "", "spool_full", "no space left")
SINCE = datetime(2026, 11, 30, 13, 10, 59, tzinfo=UTC)
NEXT = datetime(2026, 11, 30, 14, 5, tzinfo=UTC)


def waiting(cause: Cause, *, since: datetime = SINCE) -> Waiting:
    return Waiting(cause.service, cause.url, since, 7, NEXT, cause.code, cause.reason)


@pytest.mark.parametrize(
    ("cause", "since", "sentence"),
    [
        (
            ARCHIVE,
            SINCE,
            "service_unavailable: archive unavailable at http://archive:8080 since 13:10 UTC (Connection refused); "
            "attempt 7; next at 14:05 UTC",
        ),
        (
            ARCHIVE,
            SINCE - timedelta(days=2),
            "service_unavailable: archive unavailable at http://archive:8080 since 2026-11-28 13:10 UTC (Connection "
            "refused); attempt 7; next at 14:05 UTC",
        ),
        (SPOOL, SINCE, "spool_full: no space left; waiting since 13:10 UTC; attempt 7; next at 14:05 UTC"),
    ],
)
def test_sentence_names_cause_beginning_attempt_and_next_one(cause: Cause, since: datetime, sentence: str):
    assert waiting(cause, since=since).sentence == sentence


def test_wait_is_the_same_after_it_was_stored():
    assert Waiting.from_stored(waiting(ARCHIVE).as_json()) == waiting(ARCHIVE)


@pytest.mark.parametrize("failures", [0, 1, 2, 3, 10, 100_000])
def test_delay_is_doubled_and_never_longer_than_the_longest(failures: int):
    longest = min(5.0 * 2.0 ** min(max(failures - 1, 0), 20), 300.0)
    assert longest * 0.75 <= delay_after(failures, 5.0, 300.0) <= longest
