"""Makes untrusted texts (names, users, texts of services, URLs) safe for logs, events, errors and terminals.

Called wherever such a text becomes part of a sentence. The result is one line of printable characters: without line ends,
which could forge a line in a log, without escape sequences, and without marks that change the direction of text. All other
characters are escaped as in a Python literal.
"""

import logging
from types import TracebackType
from urllib.parse import urlsplit

LONGEST_NAME = 300


def escape(text: str) -> str:
    """Return a text with every unprintable character escaped; spaces stay."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def to_one_line(text: str) -> str:
    """Return a text as one line that can be stored, logged and shown."""
    return escape(" ".join(text.split()))


def quote_name(name: str) -> str:
    """Return a name for a sentence: quoted, escaped, and cut at a maximum length."""
    shown = repr(name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."


def redact_url(url: str) -> str:
    """Return a URL without the parts that may be secret: user and password, query, fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that cannot be read"
    return to_one_line(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl())


def root_cause(error: BaseException) -> BaseException:
    """Return the innermost cause of an error of requests or urllib3; the outer errors quote the URL with its password."""
    # They wrap a cause as `__cause__`, as `reason` or as an argument. `__context__` is not followed, because it may be
    # an error that the caller was handling when it sent this request.
    for inner in (error.__cause__, getattr(error, "reason", None), *reversed(error.args)):
        if isinstance(inner, BaseException):
            return root_cause(inner)
    return error


class OneLineFormatter(logging.Formatter):
    """Formats each record as one line; the lines of a traceback are indented, so that none can look like a record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """See `logging.Formatter.formatMessage`."""
        return to_one_line(super().formatMessage(record))

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """See `logging.Formatter.formatException`."""
        return "\n".join(f"  | {escape(line)}" for line in super().formatException(ei).splitlines())
