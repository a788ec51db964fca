"""The subcommand `accept-archive`: use the folder of the built-in archive although its marker is missing or another one."""

import argparse

from sqlalchemy import Engine

from ingest.cli.options import Subcommands
from ingest.errors.types import ConfigurationError
from ingest.services import ARCHIVE
from ingest.services.archive_marker import MARKER, ArchiveMarker
from ingest.settings.loading import Settings
from ingest.settings.types import folder_of


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    accept = subcommands.add_parser(
        "accept-archive",
        help="use the folder of the built-in archive although its marker is missing or another one",
        description=f"Mark the folder that ARCHIVEINTERFACE_URL names with the file {MARKER}, or accept the file that it "
        "has. Run it where the workers run, and only while the archive's disk is mounted.",
    )
    accept.set_defaults(run=_accept)


def _accept(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    folder = folder_of(settings.archiveinterface_url)
    if folder is None:
        raise ConfigurationError("the archive is a service, not a folder; ARCHIVEINTERFACE_URL names it")
    ArchiveMarker(ARCHIVE, settings.archiveinterface_url, engine).accept()
    print(f"{folder} is the archive")  # noqa: T201 - a command speaks to a person
    return 0
