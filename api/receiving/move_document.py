"""The first look at a move document, while its sender still listens: its form, and whether its user may move all of it.

Called by `api.routes.bundles`, before the body is read and before the document gets its name in the spool. What the
objects say is checked by the stage `load_metadata`; `move_files` compares each source with the rules again when it
opens it.
"""

from pathlib import Path
from typing import BinaryIO

from api.receiving.source_folders import leading_elsewhere
from api.receiving.upload_errors import MoveNotAllowed
from ingest.archiving.moves.permissions import RULES, is_restricted, may_move, rules_for, source_path
from ingest.bundles.metadata_document import Entry, objects
from ingest.bundles.metadata_entries import source_of
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.settings.loading import Settings
from ingest.system.sanitize import quote_name

MAX_LISTED = 10
# Links in more folders than these are looked at by the stage alone.
LARGEST_NUMBER_OF_FOLDERS = 1000


def check_mover(settings: Settings, user: str) -> None:
    """Raise MoveNotAllowed when a user may not move files from any folder."""
    if is_restricted(settings) and not rules_for(settings, user):
        raise MoveNotAllowed(f"{user} may not move files from any folder; an admin allows it by {RULES}")


def check_move_document(file: BinaryIO, settings: Settings, user: str) -> None:
    """Read the whole document as a stream.

    Raises InvalidMetadata with all that is wrong with its form, MoveNotAllowed with sources that the user may not move. That
    is found out by the paths first, without looking whether anything is there.
    """
    faults, sources = FaultList(), _Sources(settings, user)
    for _, entry in objects(file, faults):
        if entry.get("destinationTable") == "Files":
            sources.add(entry)
    faults.raise_as(InvalidMetadata)
    sources.check()


class _Sources:
    """The sources of a document that its user may not move; of the others, their folders."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings = settings
        self._user = user
        self._is_restricted = is_restricted(settings)
        self._refused: list[str] = []
        self._refused_count = 0
        self._folders: dict[Path, str] = {}

    def add(self, entry: Entry) -> None:
        """Compare the path of a file as it is written; what is no path is refused by the stage `load_metadata`."""
        if not self._is_restricted:
            return
        try:
            source = source_of(entry)
        except InvalidMetadata:
            return
        folder = source_path(source).parent
        if not may_move(self._settings, self._user, folder):
            self._refuse(source)
        elif len(self._folders) < LARGEST_NUMBER_OF_FOLDERS:
            self._folders.setdefault(folder, source)

    def check(self) -> None:
        """Raise MoveNotAllowed; where all paths are permitted, look where links in them lead."""
        if not self._refused:
            for folder in leading_elsewhere(self._settings, self._user, self._folders):
                self._refuse(self._folders[folder])
        if self._refused:
            raise MoveNotAllowed(self._text())

    def _refuse(self, source: str) -> None:
        self._refused_count += 1
        if len(self._refused) < MAX_LISTED:
            self._refused.append(quote_name(source))

    def _text(self) -> str:
        more = self._refused_count - len(self._refused)
        named = ", ".join(self._refused) + (f" and {more} more" if more else "")
        allowed = ", ".join(rule.shown_for(self._user) for rule in rules_for(self._settings, self._user))
        return f"{self._user} may move files from {allowed} only, by {RULES}; not allowed: {named}"
