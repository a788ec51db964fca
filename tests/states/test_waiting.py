"""The sentence about a job that waits, its form in the ledger, and the delays between attempts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.states.waiting import Cause, Resumption, Waiting, delay_after

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


def test_sentence_says_when_the_job_gives_up():
    limited = waiting(SPOOL).until(NEXT, NEXT + timedelta(days=3))
    assert limited.sentence == f"{waiting(SPOOL).sentence}; gives up at 2026-12-03 14:05 UTC"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (
            ARCHIVE,
            "service_unavailable: archive at http://archive:8080 answers again; the job continues after older ones",
        ),
        (SPOOL, "spool_full: the spool answers again; the job continues after older ones"),
    ],
)
def test_sentence_of_a_job_whose_service_answers_again(cause: Cause, sentence: str):
    assert replace(waiting(cause), resumption=Resumption.IN_LINE).sentence == sentence


def test_next_failed_attempt_is_followed_by_a_wait_that_is_not_in_line():
    in_line = replace(waiting(ARCHIVE), resumption=Resumption.IN_LINE)
    assert in_line.after_failure(ARCHIVE, NEXT) == replace(waiting(ARCHIVE), attempt=8)


@pytest.mark.parametrize("retry_until", [None, NEXT])
@pytest.mark.parametrize("resumption", Resumption)
def test_wait_is_the_same_after_it_was_stored(retry_until: datetime | None, resumption: Resumption):
    stored = replace(waiting(ARCHIVE), retry_until=retry_until, resumption=resumption)
    assert Waiting.from_stored(json.loads(json.dumps(stored.as_json()))) == stored


def test_wait_that_was_stored_by_an_earlier_version_is_read():
    document = waiting(ARCHIVE).as_json()
    del document["retry_until"], document["resumption"]
    assert Waiting.from_stored(document) == waiting(ARCHIVE)


@pytest.mark.parametrize("failures", [0, 1, 2, 3, 10, 100_000])
def test_delay_is_doubled_and_never_longer_than_the_longest(failures: int):
    longest = min(5.0 * 2.0 ** min(max(failures - 1, 0), 20), 300.0)
    assert longest * 0.75 <= delay_after(failures, 5.0, 300.0) <= longest
