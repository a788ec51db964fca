"""Finds names that look alike and shows them so that people see the difference.

Called by `ingest.bundles.bundle`, `ingest.bundles.unmatched_names` and `ingest.ledger.file_comparison`, which compare
names. A name that was typed, copied from a text or written by macOS often differs from the name in the tar only in
invisible details.
"""
# ruff: noqa: RUF001 - the characters that look alike are what this module is about

import unicodedata
from collections.abc import Callable

from ingest.bundles.names import distinguishable, folded
from ingest.system.sanitize import LONGEST_NAME

# The number of characters shown of the prefix that two long names share.
SHOWN_BEFORE = 20

# Lower-case characters that look like an ASCII character in some font: Greek and Cyrillic letters, digits, dashes, quotes.
ALIKE = {
    "a": "аα", "b": "вβ", "c": "с", "d": "ԁ", "e": "еε", "h": "нһη", "i": "іι", "j": "ј", "k": "кκ", "l": "1|ıӏ", "m": "мμ",
    "n": "ν", "o": "0оοø", "p": "рρ", "q": "ԛ", "s": "ѕ", "t": "тτ", "w": "ԝ", "x": "хχ", "y": "уυ", "z": "ζ",
    "-": "‐‑‒–—―−", "'": "’‘ʼ`", '"': "“”„",
}  # fmt: skip
LOOK_ALIKES = {ord(alike): ord(plain) for plain, alikes in ALIKE.items() for alike in alikes}
ASCII = bytes(range(128))
# For names in ASCII: to lower case, and each look-alike to the character that it looks like.
ASCII_LIKENESS = bytes.maketrans(ASCII, ASCII.decode().lower().translate(LOOK_ALIKES).encode())
# The number of characters whose translation is kept in memory.
MAX_KEPT = 4096


class _Likeness(dict[int, int | None]):
    """Translates characters as `str.translate` needs it: white space becomes None, a look-alike its ASCII character.

    The table starts empty and grows with use, because most of Unicode never occurs.
    """

    def __missing__(self, character: int) -> int | None:
        found = None if _is_blank(chr(character)) else LOOK_ALIKES.get(character, character)
        if len(self) < MAX_KEPT:
            self[character] = found
        return found


def _is_blank(character: str) -> bool:
    """Return whether a character is white space of any kind, or has no width (Unicode's category Cf)."""
    return character.isspace() or unicodedata.category(character) == "Cf"


LIKENESS = _Likeness()


def _to_nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _without_spaces(name: str) -> str:
    return "".join(each for each in name if not _is_blank(each))


# The kinds of differences between two names, in words, each with a function that removes the difference from a name.
DIFFERENCES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in Unicode form", _to_nfc),
    ("in case", str.casefold),
    ("in case and Unicode form", folded),
    ("in spaces", _without_spaces),
    ("in case, spaces and Unicode form", lambda name: folded(_without_spaces(name))),
)


def likeness(name: str) -> str:
    """Return a key that is equal for names that look alike; computed for each of a million names."""
    if name.isascii():
        return name.encode("ascii").translate(ASCII_LIKENESS, b" ").decode("ascii")
    return _to_nfc(unicodedata.normalize("NFKC", name).casefold().translate(LIKENESS))


def difference(one: str, other: str) -> str:
    """Return the difference between two names of the same likeness, in words."""
    for description, remove in DIFFERENCES:
        if remove(one) == remove(other):
            return description
    return "in characters that look alike"


def shown_apart(one: str, other: str) -> str:
    """Return two names in ASCII; names that are too long are shown without the prefix that they share."""
    if max(len(ascii(one)), len(ascii(other))) <= LONGEST_NAME:
        return f"{distinguishable(one)} and {distinguishable(other)}"
    differing_at = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    shared = max(differing_at - SHOWN_BEFORE, 0)
    beginning = "..." if shared else ""
    return f"{beginning}{distinguishable(one[shared:])} and {beginning}{distinguishable(other[shared:])}"


def differing(one: str, other: str) -> str:
    """Return two names of the same likeness with their difference, as part of a sentence."""
    return f"{shown_apart(one, other)} differ only {difference(one, other)}"
