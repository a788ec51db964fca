"""A folder that the service may not write in: the job fails immediately, and the error names the folder and its owner."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.archiving.moves.folder_rights import check_removable
from ingest.archiving.moves.source_location import open_source_folder
from ingest.errors.types import MoveFolderNotWritable, PermanentError, Rejection
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.states.stages import Stage
from tests.archiving.moves.contents import CONTENTS, archived, visible_files_in
from tests.job_fixtures import RunStage
from tests.without_root_privileges import without_root_privileges

pytestmark = pytest.mark.usefixtures("no_waiting")
FOLDER_MODE = 0o555


@contextmanager
def only_readable(folder: Path) -> Iterator[None]:
    """Make a folder read-only for the service, although these tests may run as root."""
    before = folder.stat().st_mode
    folder.chmod(FOLDER_MODE)
    try:
        with without_root_privileges():
            yield
    finally:
        folder.chmod(before)


def test_move_out_of_a_folder_that_cannot_be_written_to_fails_immediately_and_names_it(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine, folder: Path
):
    with only_readable(folder), pytest.raises(MoveFolderNotWritable) as refused:
        run_stage(job, Stage.MOVE_FILES)
    text = refused.value.text_of_job
    first = next(iter(CONTENTS))
    assert f"{folder}/{first}" in text
    assert f"this service runs as user {os.geteuid()}, which may not write in its folder" in text
    assert f"belongs to user {folder.stat().st_uid} and group {folder.stat().st_gid}" in text
    assert "mode 0555" in text
    assert "archive" not in text
    # The error is final, not the uploader's fault, and nothing was moved.
    assert isinstance(refused.value, PermanentError)
    assert not isinstance(refused.value, Rejection)
    assert visible_files_in(folder) == CONTENTS
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == CONTENTS
    assert visible_files_in(folder) == {}


def test_folder_where_only_owners_remove_files(settings: Settings, folder: Path):
    source = folder / next(iter(CONTENTS))
    folder.chmod(0o1777)
    with open_source_folder(settings, source, "ada") as held:
        check_removable(held, source, source.stat())
        if os.geteuid() != 0:
            return
        os.chown(folder, 1, 1)
        os.chown(source, 1, 1)
        found = source.stat()
        os.seteuid(2)
        try:
            with pytest.raises(MoveFolderNotWritable, match=r"user 2,.* user 1 and group 1 .* mode 1777"):
                check_removable(held, source, found)
        finally:
            os.seteuid(0)
