"""Numbers, times and names as people read them; names of strangers are harmless."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.pages.formats import (
    LONGEST_SENTENCE,
    format_bytes,
    format_count,
    format_duration,
    format_rate,
    show_name,
    show_sentence,
    show_time,
)
from tests.hostile_texts import HOSTILE


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "-"),
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_499, "999 kB"),
        (999_600, "1.0 MB"),
        (1_530_000_000, "1.5 GB"),
        (12_000_000_000_000, "12 TB"),
        (5 * 10**21, "5000 EB"),
    ],
)
def test_a_size_has_the_unit_that_people_use(size: int | None, text: str):
    assert format_bytes(size) == text


def test_a_rate_is_a_size_a_second():
    assert (format_rate(12_400_000.0), format_rate(None)) == ("12 MB/s", "-")


def test_thousands_are_separated():
    assert (format_count(1_234_567), format_count(0), format_count(None)) == ("1,234,567", "0", "-")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59.9, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (356_400, "4 d 3 h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str):
    assert format_duration(timedelta(seconds=seconds)) == text


def test_a_time_is_in_utc():
    moment = datetime(2026, 11, 30, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    shown = show_time(moment)
    assert 'datetime="2026-12-01T01:30:00Z"' in shown
    assert shown.endswith(">2026-12-01 01:30:00 UTC</time>")
    assert show_time(datetime(2026, 1, 2, tzinfo=UTC)).startswith('<time datetime="2026-01-02T00:00:00Z"')


@pytest.mark.parametrize("name", [*HOSTILE, "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_a_hostile_name_is_shown_harmless(name: str):
    shown = str(show_name(name))
    assert shown.startswith("<bdi")
    assert shown.isprintable()
    assert "<" not in shown[1:].replace("</bdi>", "")


def test_a_name_from_right_to_left_stays_readable_and_isolated():
    assert show_name("מעבדה 7") == "<bdi>מעבדה 7</bdi>"


def test_a_sentence_is_whole_in_the_title():
    sentence = "the hash differs; " * 100
    shown = show_sentence(sentence)
    assert shown == f'<bdi class="clamp" title="{sentence}">{sentence[:LONGEST_SENTENCE]}</bdi>'


def test_a_long_name_is_shortened_and_whole_in_the_title():
    shown = show_name("x" * 10_000)
    assert shown == f'<bdi title="{"x" * 10_000}">{"x" * 59}…</bdi>'
    assert show_name("x" * 60) == f"<bdi>{'x' * 60}</bdi>"
