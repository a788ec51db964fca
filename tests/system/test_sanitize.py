"""Untrusted texts become one line of characters that a terminal prints without executing them."""

import logging
import sys
from collections.abc import Callable

import pytest

from ingest.errors.types import InvalidBundle, ServiceUnavailable
from ingest.system.sanitize import OneLineFormatter, escape, quote_name, redact_url, to_one_line

HOSTILE = [
    "name\n2026-11-25 12:00:00 INFO [1] api.receiving.create_job: job 7 received",
    "name\r\nforged",
    "\x1b[2J\x1b]0;title\x07",
    "\u009b31m",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "\u2028line\u2029paragraph\x85next",
    "\x00\x08\x7f",
    "\udc80",
    "\ue000\U000e0001",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("show", [to_one_line, quote_name])
def test_hostile_text_becomes_one_printable_line(show: Callable[[str], str], text: str):
    assert show(text).isprintable()


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_text_of_an_error_is_one_printable_line(text: str):
    error = InvalidBundle(f"member {text} is not taken")
    assert str(error).isprintable()
    assert str(error) == error.text


def test_text_that_is_shown_twice_is_escaped_once():
    shown = to_one_line("a\x1b[2J b")
    assert to_one_line(shown) == shown == r"a\x1b[2J b"


@pytest.mark.parametrize("text", ["Grüße aus dem Labor", "日本.txt", "a  b"])
def test_ordinary_text_is_unchanged(text: str):
    assert escape(text) == text


def test_long_name_is_cut():
    assert len(quote_name("x" * 10_000)) < 400


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:pass@archive:8080/a?token=1#key", "http://archive:8080/a"),
        ("http://archive:8080", "http://archive:8080"),
        ("file:///folder/archive", "file:///folder/archive"),
        ("builtin", "builtin"),
        ("http://[::1/", "a URL that cannot be read"),
    ],
)
def test_url_is_shown_without_its_secret_parts(url: str, shown: str):
    assert redact_url(url) == shown


def test_error_of_an_unavailable_service_does_not_show_the_password_of_its_url():
    error = ServiceUnavailable("policy", "https://me:hidden@policy/ingest?key=hidden", "no connection")
    assert "hidden" not in f"{error} {error.url} {error.args}"
    assert "https://policy/ingest" in str(error)


def record(message: str, *arguments: object, raising: Exception | None = None) -> str:
    try:
        raise raising or ValueError
    except ValueError:
        exc_info = sys.exc_info() if raising else None
    made = logging.LogRecord("api", logging.WARNING, "", 1, message, arguments, exc_info)
    return OneLineFormatter("LOG %(levelname)s %(message)s").format(made)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_record_of_a_log_is_one_line(text: str):
    line = record("job %d: %s", 7, text)
    assert line.startswith("LOG WARNING job 7: ")
    assert line.isprintable()


def test_traceback_in_a_log_cannot_pass_for_a_record():
    first, *others = record("unexpected", raising=ValueError("x\nLOG INFO forged \x1b[2J")).split("\n")
    assert first == "LOG WARNING unexpected"
    assert len(others) > 3
    assert all(line.startswith("  | ") and line.isprintable() for line in others)
