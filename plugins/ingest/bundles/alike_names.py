"""Names that people take for the same: found, and shown so that they can be told apart.

Called by `ingest.bundles.bundle`, `ingest.bundles.unmatched_names` and `ingest.ledger.file_comparison`, which compare
names. A name that was typed, copied from a text or written by macOS often differs from the one in the tar only in what
cannot be seen.
"""
# ruff: noqa: RUF001 - the characters that look alike are what this module is about

import unicodedata
from collections.abc import Callable

from ingest.bundles.names import distinguishable, folded
from ingest.system.sanitize import LONGEST_NAME

# Of the beginning that two long names share, so many characters are shown.
SHOWN_BEFORE = 20

# Characters, in lower case, that look like an ASCII one in some font: Greek and Cyrillic letters, digits, dashes, quotes.
ALIKE = {
    "a": "аα", "b": "вβ", "c": "с", "d": "ԁ", "e": "еε", "h": "нһη", "i": "іι", "j": "ј", "k": "кκ", "l": "1|ıӏ", "m": "мμ",
    "n": "ν", "o": "0оοø", "p": "рρ", "q": "ԛ", "s": "ѕ", "t": "тτ", "w": "ԝ", "x": "хχ", "y": "уυ", "z": "ζ",
    "-": "‐‑‒–—―−", "'": "’‘ʼ`", '"': "“”„",
}  # fmt: skip
LOOK_ALIKES = str.maketrans({alike: plain for plain, alikes in ALIKE.items() for alike in alikes})


def _in_one_form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _without_spaces(name: str) -> str:
    """Leave out white space of every kind, and characters of no width (Unicode's category Cf)."""
    return "".join(each for each in name if not each.isspace() and unicodedata.category(each) != "Cf")


# What two names may differ in, and what leaves that out of a name.
DIFFERENCES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in Unicode form", _in_one_form),
    ("in case", str.casefold),
    ("in case and Unicode form", folded),
    ("in spaces", _without_spaces),
    ("in case, spaces and Unicode form", lambda name: folded(_without_spaces(name))),
)


def likeness(name: str) -> str:
    """Return what is the same for all names that people may take for one."""
    plain = name.replace(" ", "") if name.isascii() else _without_spaces(unicodedata.normalize("NFKC", name))
    return _in_one_form(plain.casefold().translate(LOOK_ALIKES))


def difference(one: str, other: str) -> str:
    """Say what two names of one likeness differ in."""
    for said, plain in DIFFERENCES:
        if plain(one) == plain(other):
            return said
    return "in characters that look alike"


def shown_apart(one: str, other: str) -> str:
    """Show two names in ASCII; where they are too long to be shown whole, without the beginning that they share."""
    if max(len(ascii(one)), len(ascii(other))) <= LONGEST_NAME:
        return f"{distinguishable(one)} and {distinguishable(other)}"
    differing_at = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    shared = max(differing_at - SHOWN_BEFORE, 0)
    beginning = "..." if shared else ""
    return f"{beginning}{distinguishable(one[shared:])} and {beginning}{distinguishable(other[shared:])}"


def differing(one: str, other: str) -> str:
    """Show two names of one likeness, and say what they differ in."""
    return f"{shown_apart(one, other)} differ only {difference(one, other)}"
