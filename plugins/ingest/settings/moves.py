"""The settings of moves: source folders, permissions, and staging folders.

Part of `ingest.settings.fields.Settings`; used by `ingest.archiving.moves`, the API and the archive's client.
"""

from typing import Self

from pydantic import BaseModel, model_validator

from ingest.settings.access import contradiction
from ingest.settings.move_rules import MoveGroups, MoveRules
from ingest.settings.types import Folders, option


class MoveSettings(BaseModel):
    """The folders that files may be moved from, the users who may, and the folders for the hand-over to ArchiveInterface."""

    move_folders: Folders = option(
        (), "ingest", "move_folders", "INGEST_MOVE_FOLDERS",
        description="Folders that `POST /move` may move files from; empty: no file can be moved.",
        form="absolute paths of folders, separated by colons, none of which is `/`",
    )  # fmt: skip
    move_rules: MoveRules = option(
        (), "access", "move_rules", "INGEST_MOVE_RULES",
        description="Who may move files from which folder and its subfolders: rules `WHO: FOLDER`, separated by semicolons "
        "or line breaks. WHO is a list of users and `@groups` (`move_groups`), or `*` for every user. FOLDER is in one of "
        "`move_folders`; `{user}` in it is the name of the user, and `*` the name of any single folder. Without rules, "
        "files can be moved only with `authentication = none`.",
        form="rules such as `*: /srv/home/{user}; @nmr, ursula: /srv/nmr`",
    )  # fmt: skip
    move_groups: MoveGroups = option(
        (), "access", "move_groups", "INGEST_MOVE_GROUPS",
        description="Groups of users for `move_rules`: `GROUP: USER, USER`, separated by semicolons or line breaks.",
        form="groups such as `nmr: ursula, otto; ms: ada`",
    )  # fmt: skip
    move_staging: Folders = option(
        (), "archiveinterface", "move_staging", "INGEST_MOVE_STAGING",
        description="The staging folders from which ArchiveInterface takes moved files, one on each file system of "
        "`move_folders`. Only this service and ArchiveInterface may have permission to write there. The built-in archive "
        "needs none.",
        form="absolute paths of folders, separated by colons, none of which is `/`",
    )  # fmt: skip

    @model_validator(mode="after")
    def check_rules(self) -> Self:
        """Refuse rules with an undefined group, or with a folder that is not in `move_folders`."""
        groups = {group.name for group in self.move_groups}
        for rule in self.move_rules:
            if unknown := sorted(rule.groups - groups):
                raise contradiction("move_rules", f"names the group {unknown[0]!r}, which move_groups does not define")
            if self.move_folders and not any(rule.may_cover(folder) for folder in self.move_folders):
                raise contradiction("move_rules", f"{rule.pattern} is in none of move_folders")
        return self
