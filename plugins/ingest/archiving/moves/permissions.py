"""Which user may move files from which folder.

Called by the API when a move document comes, and by `ingest.archiving.moves.source_folder` before a source is opened. A
path is compared as it is written first, so that a refusal says nothing about what exists; then as it is resolved,
because a link in a permitted folder may lead to another user's.
"""

import os
from pathlib import Path

from ingest.settings.access import NONE
from ingest.settings.loading import Settings
from ingest.settings.move_rules import MoveRule

RULES = "the setting move_rules ([access] move_rules, INGEST_MOVE_RULES)"


def is_restricted(settings: Settings) -> bool:
    """Whether a user needs a rule to move files: not where nobody proves who they are, unless there are rules."""
    return settings.authentication != NONE or bool(settings.move_rules)


def rules_for(settings: Settings, user: str) -> list[MoveRule]:
    """Return the rules that are for a user."""
    groups = {group.name for group in settings.move_groups if user in group.users}
    return [rule for rule in settings.move_rules if rule.is_for(user, groups)]


def may_move(settings: Settings, user: str, folder: Path) -> bool:
    """Whether a user may move files from a folder, by its path as it is written."""
    return not is_restricted(settings) or any(rule.covers(user, folder) for rule in rules_for(settings, user))


def may_move_from(settings: Settings, user: str, folder: Path) -> bool:
    """Whether a user may move files from a folder whose path is resolved.

    Rules and `move_folders` are written by people, so a folder that is itself behind a link is compared as they write it.
    """
    return any(may_move(settings, user, written) for written in as_written(settings, folder))


def as_written(settings: Settings, folder: Path) -> list[Path]:
    """Return the paths of a resolved folder by those `move_folders` that it lies in; none where it lies in none."""
    tops = [(top, Path(os.path.realpath(top))) for top in settings.move_folders]
    return [top / folder.relative_to(resolved) for top, resolved in tops if folder.is_relative_to(resolved)]


def source_path(source: str) -> Path:
    """Return the path of a source in its shortest form.

    `..` is taken out of the text before anything is looked up: no other folder may be reached, or tried, by way of it.
    """
    return Path("/" + os.path.normpath(source).lstrip("/"))


def hides_findings(settings: Settings) -> bool:
    """Whether uploaders are not to learn what lies at a source: others' files may."""
    return settings.authentication != NONE
