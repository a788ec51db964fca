"""Check a move document while its client waits for the answer: its form, and whether the user may move all sources.

Called by `api.routes.bundles`, before the body is read and before the document gets its name in the spool. The stage
`load_metadata` checks the content of the objects; `move_files` checks each source again when it opens it.
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
# Links in further folders are checked by the stage alone.
MAX_FOLDERS = 1000


def check_mover(settings: Settings, user: str) -> None:
    """Raise MoveNotAllowed when a user may not move files from any folder."""
    if is_restricted(settings) and not rules_for(settings, user):
        raise MoveNotAllowed(f"{user} may not move files from any folder; an admin can permit it in {RULES}")


def check_move_document(file: BinaryIO, settings: Settings, user: str) -> None:
    """Read the whole document as a stream.

    Raises InvalidMetadata with all faults of its form, MoveNotAllowed with the sources that the user may not move. The paths
    are compared with the rules first, without any access to the storage.
    """
    faults, sources = FaultList(), _Sources(settings, user)
    for _, entry in objects(file, faults):
        if entry.get("destinationTable") == "Files":
            sources.add(entry)
    faults.raise_as(InvalidMetadata)
    sources.check()


class _Sources:
    """The sources of a document: those that the user may not move, and the folders of all others."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings = settings
        self._user = user
        self._is_restricted = is_restricted(settings)
        self._refused: list[str] = []
        self._refused_count = 0
        self._folders: dict[Path, str] = {}

    def add(self, entry: Entry) -> None:
        """Compare the path of a file with the rules; a malformed path is left to the stage `load_metadata`."""
        if not self._is_restricted:
            return
        try:
            source = source_of(entry)
        except InvalidMetadata:
            return
        folder = source_path(source).parent
        if not may_move(self._settings, self._user, folder):
            self._refuse(source)
        elif len(self._folders) < MAX_FOLDERS:
            self._folders.setdefault(folder, source)

    def check(self) -> None:
        """Raise MoveNotAllowed for forbidden paths; if there are none, for links that lead to forbidden folders."""
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
