"""Move documents, posted to the real stack."""

import json
import os
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from tests.e2e.authenticated_api import authenticated_api, new_token
from tools.bundles import Entry, file_entry, transaction
from tools.stack import TIMEOUT_SECONDS, Stack
from tools.stack_contents import archived, cataloged, stored_names

CONTENTS = {"run/one.raw": b"one" * 1000, "run/two.raw": b"two" * 1000}


@pytest.fixture
def folder(stack: Stack, request: pytest.FixtureRequest) -> Path:
    """Create a folder for this test below the folder from which files may be moved."""
    made = stack.home / "move" / str(request.node.name)
    made.mkdir()
    return made


def lay_out(folder: Path, contents: dict[str, bytes] = CONTENTS) -> list[Entry]:
    """Write the sources; return the move document."""
    entries = []
    for path, content in contents.items():
        source = folder / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
        entries.append(file_entry(f"data/{path}", content, source=str(source)))
    return [*transaction(), *entries]


def move(stack: Stack, document: list[Entry]) -> int:
    return stack.post(json.dumps(document).encode(), "/move", "application/json")


def names_in(folder: Path) -> set[str]:
    return {os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_move_takes_the_sources_into_the_archive(stack: Stack, ledger: Engine, folder: Path):
    job = move(stack, lay_out(folder))
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"]) == ("OK", "ingest metadata")
    entries = cataloged(ledger, job)
    assert entries is not None
    assert archived(stack.home, entries) == CONTENTS
    stack.wait(job, lambda _state: not names_in(folder))


def test_move_of_a_missing_source_restores_the_others(stack: Stack, ledger: Engine, folder: Path):
    document = lay_out(folder)
    document.append(file_entry("data/lost.raw", b"lost", source=str(folder / "lost.raw")))
    before = stored_names(stack.home)
    job = move(stack, document)
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"]) == ("FAILED", "move files")
    assert "lost.raw" in state["exception"]
    assert cataloged(ledger, job) is None
    assert stored_names(stack.home) == before
    assert {path: (folder / path).read_bytes() for path in names_in(folder)} == CONTENTS


def test_move_of_a_changed_source_is_refused(stack: Stack, folder: Path):
    document = lay_out(folder)
    (folder / "run/one.raw").write_bytes(b"ONE" * 1000)
    state = stack.wait_for_end(move(stack, document))
    assert (state["state"], state["task"]) == ("FAILED", "move files")
    assert names_in(folder) == set(CONTENTS)


def test_move_from_a_folder_that_is_not_listed_is_refused(stack: Stack, tmp_path: Path):
    state = stack.wait_for_end(move(stack, lay_out(tmp_path)))
    assert (state["state"], state["task"]) == ("FAILED", "move files")
    assert "none of the folders" in state["exception"]
    assert names_in(tmp_path) == set(CONTENTS)


def test_user_moves_files_from_folders_that_a_rule_permits_alone(
    stack: Stack, ledger: Engine, folder: Path, tmp_path: Path
):
    document = lay_out(folder / "ursula")
    with authenticated_api(stack, tmp_path, INGEST_MOVE_RULES=f"*: {folder}/{{user}}") as seen:

        def post(user: str) -> requests.Response:
            headers = {"Authorization": f"Bearer {new_token(seen, user)}"}
            return requests.post(f"{seen.api}/move", json=document, headers=headers, timeout=TIMEOUT_SECONDS)

        refused = post("otto")
        assert (refused.status_code, refused.json()["code"]) == (403, "move_not_allowed")
        assert names_in(folder / "ursula") == set(CONTENTS)
        job = int(post("ursula").json()["job_id"])
    assert stack.wait_for_end(job)["state"] == "OK"
    entries = cataloged(ledger, job)
    assert entries is not None
    assert archived(stack.home, entries) == CONTENTS
