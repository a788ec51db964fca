"""Decides which user may move files from which folder.

Called by the API when it receives a move document, and by `source_location` before a source is opened. A path is compared
first as it is written, so that a refusal reveals nothing about the disk, and then as it is resolved, because a symbolic link
in a permitted folder may lead to another user's folder.
"""

import os
from pathlib import Path

from ingest.settings.access import NONE
from ingest.settings.loading import Settings
from ingest.settings.move_rules import MoveRule

RULES = "the setting move_rules ([access] move_rules, INGEST_MOVE_RULES)"


def is_restricted(settings: Settings) -> bool:
    """Return whether users need a rule to move files: with authentication, or when there are rules."""
    return settings.authentication != NONE or bool(settings.move_rules)


def rules_for(settings: Settings, user: str) -> list[MoveRule]:
    """Return the rules that apply to a user."""
    groups = {group.name for group in settings.move_groups if user in group.users}
    return [rule for rule in settings.move_rules if rule.is_for(user, groups)]


def may_move(settings: Settings, user: str, folder: Path) -> bool:
    """Return whether a user may move files from a folder, by its path as it is written."""
    return not is_restricted(settings) or any(rule.covers(user, folder) for rule in rules_for(settings, user))


def may_move_from(settings: Settings, user: str, folder: Path) -> bool:
    """Return whether a user may move files from a folder, by its resolved path.

    Rules and `move_folders` may name a folder by a path with a symbolic link, so the resolved path is translated back.
    """
    return any(may_move(settings, user, written) for written in as_written(settings, folder))


def as_written(settings: Settings, folder: Path) -> list[Path]:
    """Return the paths of a resolved folder as the `move_folders` that contain it are written."""
    tops = [(top, Path(os.path.realpath(top))) for top in settings.move_folders]
    return [top / folder.relative_to(resolved) for top, resolved in tops if folder.is_relative_to(resolved)]


def source_path(source: str) -> Path:
    """Return the path of a source in its shortest form.

    `..` is removed from the text before the disk is read, so that a path cannot reach, or probe, another folder.
    """
    return Path("/" + os.path.normpath(source).lstrip("/"))


def hides_findings(settings: Settings) -> bool:
    """Return whether uploaders must not learn which files exist, because these may belong to other users."""
    return settings.authentication != NONE
