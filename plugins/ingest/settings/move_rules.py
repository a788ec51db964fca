"""Rules that say who may move files from which folder: their form, and which folders one covers.

Read from the settings (`ingest.settings.moves`), applied by `ingest.archiving.moves.permissions`.
"""

import re
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from ingest.access.user_names import invalid_reason
from ingest.settings.types import EXPLAINED, split_words

EVERYBODY = "*"
ANY_FOLDER = "*"
GROUP_MARK = "@"
USER = "{user}"
# The last `:` that a folder follows, because the name of a user may hold one.
RULE = re.compile(r"(?P<who>.+):\s*(?P<folder>/[^:]*)")
GROUP = re.compile(r"(?P<name>[^:@*,\s]+)\s*:(?P<users>.+)")
SEPARATORS = re.compile(r"[;\n]")


class MoveRule(NamedTuple):
    """Who may move files from a folder and from all below it."""

    who: tuple[str, ...]
    pattern: str

    @property
    def groups(self) -> set[str]:
        """The groups that the rule is for."""
        return {each.removeprefix(GROUP_MARK) for each in self.who if each.startswith(GROUP_MARK)}

    def is_for(self, user: str, groups: set[str]) -> bool:
        """Whether the rule is for a user, who is in these groups."""
        # A user who is called like a group is not that group.
        is_named = user in self.who and not user.startswith(GROUP_MARK)
        return EVERYBODY in self.who or is_named or bool(self.groups & groups)

    def covers(self, user: str, folder: Path) -> bool:
        """Whether a folder is that of the rule, or lies below it, by its path alone."""
        parts = Path(self.pattern).parts
        if len(folder.parts) < len(parts) or (USER in self.pattern and not _is_folder_name(user)):
            return False
        return all(
            part == ANY_FOLDER or part.replace(USER, user) == name
            for part, name in zip(parts, folder.parts, strict=False)
        )

    def may_cover(self, folder: Path) -> bool:
        """Whether the rule can cover a folder, or anything below it, for any user."""
        return all(
            part in (ANY_FOLDER, name) or USER in part
            for part, name in zip(Path(self.pattern).parts, folder.parts, strict=False)
        )

    def shown_for(self, user: str) -> str:
        """Return the folder as the user would write it."""
        return self.pattern.replace(USER, user)


class MoveGroup(NamedTuple):
    """A group of users."""

    name: str
    users: tuple[str, ...]


def read_rules(value: object) -> object:
    """Understand `WHO: FOLDER; ...`; anything but a text is returned as it is."""
    return [_rule(text) for text in _entries(value)] if isinstance(value, str) else value


def read_groups(value: object) -> object:
    """Understand `GROUP: USER, ...; ...`; anything but a text is returned as it is."""
    return [_group(text) for text in _entries(value)] if isinstance(value, str) else value


def _entries(value: str) -> list[str]:
    return [text.strip() for text in SEPARATORS.split(value) if text.strip()]


def _rule(text: str) -> MoveRule:
    found = RULE.fullmatch(text)
    if found is None:
        raise _refused(text, "is no rule `WHO: FOLDER`")
    who, pattern = _users(text, found["who"], GROUP_MARK), found["folder"].strip()
    names = Path(pattern).parts[1:]
    if not names or ".." in names:
        raise _refused(text, "names no folder below `/`")
    if any("*" in name and name != ANY_FOLDER for name in names):
        raise _refused(text, "has a `*` in the name of a folder; it stands for a whole name")
    if any(mark in pattern.replace(USER, "") for mark in "{}"):
        raise _refused(text, "has braces around something else than `user`")
    return MoveRule(who, pattern)


def _group(text: str) -> MoveGroup:
    found = GROUP.fullmatch(text)
    if found is None:
        raise _refused(text, "is no group `GROUP: USER, USER`")
    return MoveGroup(found["name"], _users(text, found["users"]))


def _users(text: str, words: str, mark: str = "") -> tuple[str, ...]:
    users = tuple(str(word) for word in split_words(words) or ())  # type: ignore[attr-defined]
    if not users or any(invalid_reason(user.removeprefix(mark)) for user in users):
        raise _refused(text, "names nobody, or somebody who cannot be a user")
    return users


def _is_folder_name(user: str) -> bool:
    """Whether a user's name stands for one folder, and for no other than its own."""
    return "/" not in user and user not in (".", "..")


def _refused(text: str, what: str) -> PydanticCustomError:
    return PydanticCustomError(EXPLAINED, "{text} {what}", {"text": repr(text), "what": what})


MoveRules = Annotated[tuple[MoveRule, ...], BeforeValidator(read_rules)]
MoveGroups = Annotated[tuple[MoveGroup, ...], BeforeValidator(read_groups)]
