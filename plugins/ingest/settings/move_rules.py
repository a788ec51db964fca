"""Rules for who may move files from which folder: their syntax, and the folders that a rule covers.

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
# The folder follows the last `:`, because the name of a user may contain one.
RULE = re.compile(r"(?P<who>.+):\s*(?P<folder>/[^:]*)")
GROUP = re.compile(r"(?P<name>[^:@*,\s]+)\s*:(?P<users>.+)")
SEPARATORS = re.compile(r"[;\n]")


class MoveRule(NamedTuple):
    """The users and groups who may move files from a folder and its subfolders."""

    who: tuple[str, ...]
    pattern: str

    @property
    def groups(self) -> set[str]:
        """The groups that the rule applies to."""
        return {each.removeprefix(GROUP_MARK) for each in self.who if each.startswith(GROUP_MARK)}

    def is_for(self, user: str, groups: set[str]) -> bool:
        """Return whether the rule applies to a user in these groups."""
        # A user whose name looks like a group is not that group.
        is_named = user in self.who and not user.startswith(GROUP_MARK)
        return EVERYBODY in self.who or is_named or bool(self.groups & groups)

    def covers(self, user: str, folder: Path) -> bool:
        """Return whether a folder is the folder of the rule, or below it."""
        parts = Path(self.pattern).parts
        if len(folder.parts) < len(parts) or (USER in self.pattern and not _is_folder_name(user)):
            return False
        return all(
            part == ANY_FOLDER or part.replace(USER, user) == name
            for part, name in zip(parts, folder.parts, strict=False)
        )

    def may_cover(self, folder: Path) -> bool:
        """Return whether the rule can cover a folder, or a subfolder, for any user."""
        return all(
            part in (ANY_FOLDER, name) or USER in part
            for part, name in zip(Path(self.pattern).parts, folder.parts, strict=False)
        )

    def shown_for(self, user: str) -> str:
        """Return the folder with the name of the user."""
        return self.pattern.replace(USER, user)


class MoveGroup(NamedTuple):
    """A group of users."""

    name: str
    users: tuple[str, ...]


def read_rules(value: object) -> object:
    """Parse `WHO: FOLDER; ...`; return anything but a text unchanged."""
    return [_rule(text) for text in _entries(value)] if isinstance(value, str) else value


def read_groups(value: object) -> object:
    """Parse `GROUP: USER, ...; ...`; return anything but a text unchanged."""
    return [_group(text) for text in _entries(value)] if isinstance(value, str) else value


def _entries(value: str) -> list[str]:
    return [text.strip() for text in SEPARATORS.split(value) if text.strip()]


def _rule(text: str) -> MoveRule:
    found = RULE.fullmatch(text)
    if found is None:
        raise _refused(text, "is not a rule `WHO: FOLDER`")
    who, pattern = _users(text, found["who"], GROUP_MARK), found["folder"].strip()
    names = Path(pattern).parts[1:]
    if not names or ".." in names:
        raise _refused(text, "names no folder below `/`")
    if any("*" in name and name != ANY_FOLDER for name in names):
        raise _refused(text, "has a `*` in the name of a folder; use it only in place of a whole name")
    if any(mark in pattern.replace(USER, "") for mark in "{}"):
        raise _refused(text, "has braces around a word other than `user`")
    return MoveRule(who, pattern)


def _group(text: str) -> MoveGroup:
    found = GROUP.fullmatch(text)
    if found is None:
        raise _refused(text, "is not a group `GROUP: USER, USER`")
    return MoveGroup(found["name"], _users(text, found["users"]))


def _users(text: str, words: str, mark: str = "") -> tuple[str, ...]:
    users = tuple(str(word) for word in split_words(words) or ())  # type: ignore[attr-defined]
    if not users or any(invalid_reason(user.removeprefix(mark)) for user in users):
        raise _refused(text, "names no user, or an invalid user name")
    return users


def _is_folder_name(user: str) -> bool:
    """Return whether a user's name is a valid name of a single folder."""
    return "/" not in user and user not in (".", "..")


def _refused(text: str, fault: str) -> PydanticCustomError:
    return PydanticCustomError(EXPLAINED, "{text} {fault}", {"text": repr(text), "fault": fault})


MoveRules = Annotated[tuple[MoveRule, ...], BeforeValidator(read_rules)]
MoveGroups = Annotated[tuple[MoveGroup, ...], BeforeValidator(read_groups)]
