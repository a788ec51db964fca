import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.archiving.moves import move
from ingest.services import archive_folder
from ingest.settings.loading import Settings
from ingest.states.stages import STAGES, Kind
from tests.archiving.moves.contents import CONTENTS
from tests.job_fixtures import MakeJob, RunStage
from tools.bundles import file_entry, transaction

BEFORE_MOVE = STAGES[Kind.MOVE][:2]


@pytest.fixture
def folder(settings: Settings) -> Path:
    folder = settings.move_folders[0]
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def make_move(make_job: MakeJob, run_stage: RunStage) -> Callable[[dict[Path, bytes]], int]:
    """Return a function that makes a move of sources with declared contents, ready for the stage `move_files`."""

    def make(sources: dict[Path, bytes]) -> int:
        entries = [file_entry(f"data/{path.name}", content, source=str(path)) for path, content in sources.items()]
        job_id = make_job(json.dumps([*transaction(), *entries]).encode(), Kind.MOVE)
        for stage in BEFORE_MOVE:
            run_stage(job_id, stage)
        return job_id

    return make


@pytest.fixture
def job(make_move: Callable[[dict[Path, bytes]], int], folder: Path) -> int:
    """Return a job of two sources that is ready for the stage `move_files`."""
    return make_move({folder / name: content for name, content in CONTENTS.items()})


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevent hard links, as for a file of another account or on a file system without them."""
    monkeypatch.setattr(move, "_link", lambda *_: False)


@pytest.fixture
def other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the archive on another device than the sources."""

    monkeypatch.setattr(archive_folder, "link_file", lambda *_: False)
