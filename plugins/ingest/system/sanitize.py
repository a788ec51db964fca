"""How what others wrote is shown: names, users, texts of services, URLs. One rule for logs, events, errors and terminals.

Called wherever such a text is put into a sentence. What is shown is one line of characters that a terminal prints and does
not obey: no line end that could begin a forged line of a log, no escape sequence, no mark that turns the direction of text.
Everything else is escaped as Python writes it in a literal.
"""

import logging
from types import TracebackType
from urllib.parse import urlsplit

LONGEST_NAME = 300


def escape(text: str) -> str:
    """Give a text with every character escaped that cannot be printed as it is; its spaces stay as they are."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def to_one_line(text: str) -> str:
    """Give a text as one line that can be stored, logged and shown."""
    return escape(" ".join(text.split()))


def quote_name(name: str) -> str:
    """Give a name for a sentence: quoted, so that it ends where it ends, escaped, and not endless."""
    shown = repr(name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."


def redact_url(url: str) -> str:
    """Give a URL without what may be secret in it: user and password, query, fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that cannot be read"
    return to_one_line(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl())


def root_cause(error: BaseException) -> BaseException:
    """Give the error at the bottom of one of requests or urllib3; those that wrap it quote the URL, passwords and all."""
    # They wrap a cause as `__cause__`, as `reason` or as an argument. `__context__` is not followed: it may lead to an error
    # that the caller was handling when it made this request.
    for inner in (error.__cause__, getattr(error, "reason", None), *reversed(error.args)):
        if isinstance(inner, BaseException):
            return root_cause(inner)
    return error


class OneLineFormatter(logging.Formatter):
    """Writes each record as one line; the lines of a traceback follow it, set in, so that none can pass for a record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """See `logging.Formatter.formatMessage`."""
        return to_one_line(super().formatMessage(record))

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """See `logging.Formatter.formatException`."""
        return "\n".join(f"  | {escape(line)}" for line in super().formatException(ei).splitlines())
