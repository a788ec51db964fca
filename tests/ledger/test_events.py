"""The kinds of events are those that the reference lists."""

import re
from pathlib import Path

from ingest.ledger.events import EventKind

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/events.md"
SECTION = re.compile(r"^#+ Kinds of events\n(.*?)(?=^#+ |\Z)", re.MULTILINE | re.DOTALL)
FIRST_CELL = re.compile(r"^\| *`(\w+)` *\|", re.MULTILINE)


def test_reference_lists_every_kind_of_event():
    section = SECTION.search(PAGE.read_text(encoding="utf-8"))
    assert section is not None
    listed = FIRST_CELL.findall(section[1])
    assert sorted(listed) == sorted(EventKind)
