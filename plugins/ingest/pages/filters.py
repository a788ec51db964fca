"""The filters of the list of jobs, which the address holds, so that a list can be shared and bookmarked.

Called by the pages that show lists. Input that cannot be read is reported above the list, and excludes every job: a
misspelled filter must not select all of them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from ingest.ledger.job_list import JobFilter, Place
from ingest.states.job_record import Phase
from ingest.states.stages import Kind

LONGEST_TEXT = 1000
CURSOR = "cursor"


@dataclass(frozen=True)
class ListQuery:
    """What the address of a list selects.

    - `fields`: the texts of the filters, for the form and for links.
    - `after`: the place that the page begins after; None for the first page.
    - `faults`: a sentence for each filter that cannot be read.
    """

    filter: JobFilter = field(default_factory=JobFilter)
    fields: Mapping[str, str] = field(default_factory=dict)
    after: Place | None = None
    faults: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return the text of a filter, empty if it is not set."""
        return self.fields.get(name, "")

    def query(self, **changes: str) -> str:
        """Return the query string of the first page with other filters; an empty text removes a filter."""
        changed = {**self.fields, **changes}
        return urlencode({name: text for name, text in changed.items() if text})

    def page_after(self, place: Place) -> str:
        """Return the query string of the page after a job."""
        return self.query(**{CURSOR: place.cursor})

    def of_kinds(self, kinds: Collection[Kind]) -> Self:
        """Return the query for a reader who sees jobs of these kinds only."""
        if len(kinds) != 1:
            return self
        [kind] = kinds
        fault = f"This list shows jobs of the kind {kind} only."
        faults = self.faults if self.filter.kind in (None, kind) else (*self.faults, fault)
        return replace(self, filter=replace(self.filter, kind=kind), faults=faults)

    def of_user(self, user: str) -> Self:
        """Return the query for a list that holds jobs of one user only."""
        fault = "This list shows your own jobs only."
        faults = self.faults if self.filter.user in (None, user) else (*self.faults, fault)
        return replace(self, filter=replace(self.filter, user=user), faults=faults)


def read_query(parameters: Mapping[str, str]) -> ListQuery:
    """Return what a query string selects."""
    given = {name: text.strip() for name, text in parameters.items() if text.strip()}
    values: dict[str, Any] = {}
    faults, after = [], None
    for name, text in given.items():
        try:
            if name == CURSOR:
                after = Place.from_cursor(text)
            else:
                values[FIELDS[name].target] = FIELDS[name].read(text)
        except KeyError:
            faults.append(f"There is no filter {name!r}.")
        except (ValueError, OverflowError):
            form = FIELDS[name].form if name in FIELDS else "the address of the next page as it is"
            faults.append(f"{name} cannot be read; use {form}.")
    fields = {name: text for name, text in given.items() if name in FIELDS}
    return ListQuery(JobFilter(**values), fields, after, tuple(faults))


def _name(text: str) -> str:
    # PostgreSQL stores no NUL.
    if len(text) > LONGEST_TEXT or "\x00" in text:
        raise ValueError
    return text


def _since(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _until(text: str) -> datetime:
    """Return the end of a day, or a moment."""
    moment = _since(text)
    is_day = moment.timetz() == time(tzinfo=UTC) and len(text) == len("2026-11-30")
    return moment + timedelta(days=1) if is_day else moment


@dataclass(frozen=True)
class _Field:
    target: str
    read: Callable[[str], object]
    form: str = f"at most {LONGEST_TEXT:,} characters"


FIELDS: Mapping[str, _Field] = {
    "q": _Field("search", _name),
    "state": _Field("phase", Phase, f"one of {', '.join(Phase)}"),
    "kind": _Field("kind", Kind, f"one of {', '.join(Kind)}"),
    "user": _Field("user", _name),
    "project": _Field("project", _name),
    "instrument": _Field("instrument", _name),
    "code": _Field("code", _name),
    "since": _Field("since", _since, "a day such as 2026-11-30"),
    "until": _Field("until", _until, "a day such as 2026-11-30"),
}
