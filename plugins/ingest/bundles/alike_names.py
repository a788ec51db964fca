"""Names that people take for the same: found, and shown so that they can be told apart.

Called by `ingest.bundles.bundle` and `ingest.bundles.unmatched_names`, which compare names of members with others. A name
that was typed, copied from a text or written by macOS often differs from the one in the tar only in what cannot be seen.
"""
# ruff: noqa: RUF001 - the characters that look alike are what this module is about

import unicodedata
from collections.abc import Callable

from ingest.bundles.names import distinguishable, folded

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


def differing(one: str, other: str) -> str:
    """Show two names of one likeness in ASCII, and say what they differ in."""
    return f"{distinguishable(one)} and {distinguishable(other)} differ only {difference(one, other)}"
