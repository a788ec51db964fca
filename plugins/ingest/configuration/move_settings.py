"""The settings of moves: where files may be taken from, and how they reach the archive.

Part of `ingest.configuration.setting_fields.Settings`; used by `ingest.moves` and by the archive's client.
"""

from pydantic import BaseModel

from ingest.configuration.setting_types import Folders, option


class MoveSettings(BaseModel):
    """Which folders files may be moved from, and in which ones they are handed over to ArchiveInterface."""

    move_folders: Folders = option(
        (), "ingest", "move_folders", "INGEST_MOVE_FOLDERS",
        description="Folders that `POST /move` may take files from; none: no file can be moved.",
        form="absolute paths of folders, separated by colons, none of which is `/`",
    )  # fmt: skip
    move_staging: Folders = option(
        (), "archiveinterface", "move_staging", "INGEST_MOVE_STAGING",
        description="Folders in which files that are moved are handed over to ArchiveInterface, one on each file system of "
        "`move_folders`. Only this service and ArchiveInterface may be able to write there. The built-in archive needs "
        "none.",
        form="absolute paths of folders, separated by colons, none of which is `/`",
    )  # fmt: skip
