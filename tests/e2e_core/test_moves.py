"""Move documents, posted to the real stack in front of the real Pacifica services."""

import stat
from pathlib import Path

import pytest

from tests.e2e.test_moves import CONTENTS, lay_out, move, names_in
from tests.e2e_core.conftest import MakeUnavailable
from tests.e2e_core.test_bundles import assert_complete
from tools.bundles import file_entry
from tools.pacifica_core.contents import cataloged, stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Fault, Proxy
from tools.pacifica_core.services import ARCHIVE, METADATA
from tools.stack import Stack


@pytest.fixture
def folder(stack: Stack, request: pytest.FixtureRequest) -> Path:
    """Create a folder for this test below the folder from which files may be moved."""
    made = stack.home / "move" / str(request.node.name)
    made.mkdir()
    return made


def in_bundle_form(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {f"data/{path}": content for path, content in contents.items()}


def test_move_takes_the_sources_into_the_archive(stack: Stack, core: Core, folder: Path):
    job = move(stack, lay_out(folder))
    assert_complete(stack, core, job, in_bundle_form(CONTENTS))
    stack.wait(job, lambda _state: not names_in(folder))


def test_move_of_a_hundred_files(stack: Stack, core: Core, folder: Path):
    contents = {f"run/{number:03} 測定.raw": f"measured {number}".encode() for number in range(100)}
    job = move(stack, lay_out(folder, contents))
    assert_complete(stack, core, job, in_bundle_form(contents))
    stack.wait(job, lambda _state: not names_in(folder))


def test_move_of_a_missing_source_restores_the_others(stack: Stack, core: Core, folder: Path):
    document = lay_out(folder)
    document.append(file_entry("data/lost.raw", b"lost", source=str(folder / "lost.raw")))
    before = stored(core)
    job = move(stack, document)
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"]) == ("FAILED", "move files")
    assert "lost.raw" in state["exception"]
    assert cataloged(core, job) is None
    assert stored(core) == before
    assert {path: (folder / path).read_bytes() for path in names_in(folder)} == CONTENTS


def test_restored_source_keeps_its_permissions(stack: Stack, core: Core, folder: Path):
    document = lay_out(folder)
    document[-1]["mimetype"] = "nonsense"
    for path, mode in zip(CONTENTS, (0o640, 0o444), strict=True):
        (folder / path).chmod(mode)
    state = stack.wait_for_end(move(stack, document))
    assert (state["state"], state["task"]) == ("FAILED", "ingest metadata")
    assert [stat.S_IMODE((folder / path).stat().st_mode) for path in CONTENTS] == [0o640, 0o444]
    assert names_in(folder) == set(CONTENTS)


@pytest.mark.parametrize("change", [{"size": 4}, {"hashsum": "0" * 40}])
def test_move_verifies_size_and_hash_before_anything_is_moved(
    stack: Stack, core: Core, folder: Path, change: dict[str, object]
):
    before = stored(core)
    document = lay_out(folder)
    document[-1].update(change)
    state = stack.wait_for_end(move(stack, document))
    assert (state["state"], state["task"]) == ("FAILED", "move files")
    assert stored(core) == before
    assert {path: (folder / path).read_bytes() for path in names_in(folder)} == CONTENTS


def test_move_from_a_folder_that_is_not_listed_is_refused(stack: Stack, tmp_path: Path):
    state = stack.wait_for_end(move(stack, lay_out(tmp_path)))
    assert (state["state"], state["task"]) == ("FAILED", "move files")
    assert "none of the folders" in state["exception"]
    assert names_in(tmp_path) == set(CONTENTS)


def test_move_that_metadata_rejects_restores_the_sources(stack: Stack, core: Core, folder: Path):
    before = stored(core)
    document = lay_out(folder)
    document[-1]["mimetype"] = "nonsense"
    state = stack.wait_for_end(move(stack, document))
    assert (state["state"], state["task"]) == ("FAILED", "ingest metadata")
    assert stored(core) == before
    assert {path: (folder / path).read_bytes() for path in names_in(folder)} == CONTENTS


def test_lost_answer_to_a_move_has_no_effect(stack: Stack, core: Core, proxies: dict[str, Proxy], folder: Path):
    with proxies[ARCHIVE].fault(Fault("PATCH", "", lose_answer=True)) as fault:
        job = move(stack, lay_out(folder))
        assert_complete(stack, core, job, in_bundle_form(CONTENTS))
    assert fault.seen == 1
    stack.wait(job, lambda _state: not names_in(folder))


def test_unavailable_catalog_keeps_the_moved_files(
    stack: Stack, core: Core, make_unavailable: MakeUnavailable, folder: Path
):
    with make_unavailable(METADATA):
        job = move(stack, lay_out(folder))
        state = stack.wait_for_end(job)
        assert (state["state"], state["task"]) == ("FAILED", "ingest metadata")
    assert stack.command("retry", "--job_id", str(job)).returncode == 0
    stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete(stack, core, job, in_bundle_form(CONTENTS))
