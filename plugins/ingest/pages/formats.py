"""Numbers, times and names as people read them: the filters of the templates (`ingest.pages.rendering`).

Each returns a dash for None. Those that begin with `show` return markup; all others return text.
"""

from datetime import UTC, datetime, timedelta

from markupsafe import Markup
from markupsafe import escape as escape_markup

from ingest.states.job_record import JobRecord
from ingest.system.sanitize import escape

NOTHING = "-"
UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
THOUSAND, TEN = 1000, 10
MINUTE, HOUR, DAY = 60, 3600, 86_400
LONGEST_NAME = 60
# More than the three lines that a table shows of a sentence.
LONGEST_SENTENCE = 300


def format_bytes(size: float | None) -> str:
    """Return a size in decimal units: `512 bytes`, `1.5 GB`."""
    if size is None:
        return NOTHING
    if size < THOUSAND:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    value = float(size)
    for unit in UNITS:
        value /= THOUSAND
        # Before a value is rounded up to "1000 kB".
        if value < THOUSAND - 0.5 or unit == UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if value < TEN else f"{value:.0f} {unit}"


def format_rate(rate: float | None) -> str:
    """Return bytes a second: `12 MB/s`."""
    return NOTHING if rate is None else f"{format_bytes(rate)}/s"


def format_count(number: int | None) -> str:
    """Return a number with separated thousands: `12,345`."""
    return NOTHING if number is None else f"{number:,}"


def format_limited_count(number: int, limit: int) -> str:
    """Return a number that was counted up to a limit: `more than 10,000`."""
    return f"more than {limit:,}" if number > limit else f"{number:,}"


def format_duration(duration: timedelta | None) -> str:
    """Return a duration by its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`."""
    if duration is None:
        return NOTHING
    seconds = max(int(duration.total_seconds()), 0)
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min {seconds % MINUTE} s"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h"


def name_state(record: JobRecord) -> str:
    """Return the state of a job: a canceled job is in the phase of those that failed."""
    return "canceled" if record.is_canceled else record.phase


def show_time(moment: datetime | None) -> Markup:
    """Return a time in UTC, which `local_times.js` shows in the reader's zone, with UTC on hover."""
    if moment is None:
        return escape_markup(NOTHING)
    utc = moment.astimezone(UTC)
    stamp, text = f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, text, text)


def show_name(name: str | None, longest: int = LONGEST_NAME) -> Markup:
    """Return a name from a stranger: isolated, so that its direction of writing stays its own, and shortened.

    Characters that cannot be printed are escaped; the whole name is in the title.
    """
    if name is None:
        return escape_markup(NOTHING)
    printable = escape(name)
    if len(printable) <= longest:
        return Markup("<bdi>{}</bdi>").format(printable)
    return Markup('<bdi title="{}">{}…</bdi>').format(printable, printable[: longest - 1])


def show_sentence(text: str) -> Markup:
    """Return a sentence for a table, which shows three lines of it; the whole sentence is in the title."""
    printable = escape(text)
    return Markup('<bdi class="clamp" title="{}">{}</bdi>').format(printable, printable[:LONGEST_SENTENCE])
