"""What a code means, who acts, and what to do: the rows of docs/reference/errors.md.

Used by the API. `make docs` copies the tables of the page to advice.json, so that page and answers never differ.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("advice.json")


@dataclass(frozen=True)
class Advice:
    """The row of a code; `who_acts` names uploader, facility, admin or nobody."""

    explanation: str = ""
    who_acts: tuple[str, ...] = ()
    what_to_do: str = ""


def advice_on(code: str) -> Advice:
    """Return the advice on an error or a single fault; an empty one for a code that the page does not explain."""
    return _all_advice().get(code, Advice())


@cache
def _all_advice() -> Mapping[str, Advice]:
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return {code: Advice(row["explanation"], tuple(row["who_acts"]), row["what_to_do"]) for code, row in rows.items()}
