"""docs/how-to/upload.md: each block of code does what the page says, on the whole stack."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.command import CLIENT
from tools.stack import Stack

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "upload.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = {
    language: [text for found, text in BLOCK.findall(PAGE) if found == language]
    for language in ("sh", "json", "python")
}
ADDRESS = "https://ingest.example.org"
ON_SERVER = "/srv/instrument/run-24"
SECONDS = 300
PROGRAM = f'#!/bin/sh\nexec "{sys.executable}" -m pacifica_ingest_client "$@"\n'


@pytest.fixture(scope="module")
def folder(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a home folder with the command and the folders that the page names."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "bin").mkdir()
    command = folder / "bin" / "pacifica-ingest-upload"
    command.write_text(PROGRAM)
    command.chmod(0o755)
    for name in sorted(set(re.findall(r"\brun-\d\d\b", PAGE))):
        place = stack.home / "move" / name if name == Path(ON_SERVER).name else folder / name
        place.mkdir()
        (place / "results.csv").write_text(f"run,{name}\n")
        (place / "left.tmp").write_text("temporary")
        if place.parent != folder:
            (folder / name).symlink_to(place)
    (folder / "notes.txt").write_text("notes\n")
    [template] = [text for text in BLOCKS["json"] if "${project}" in text]
    (folder / "metadata.json").write_text(template, encoding="utf-8")
    return folder


def run(folder: Path, stack: Stack, *command: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("INGEST_", "XDG_"))}
    environment = {
        **inherited,
        "HOME": str(folder),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(CLIENT),
        "TOKEN": "secret",
    }
    texts = [each.replace(ADDRESS, stack.api).replace(ON_SERVER, f"'{stack.home}/move/run-24'") for each in command]
    return subprocess.run(
        texts, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.mark.parametrize("block", BLOCKS["sh"])
def test_commands_upload(folder: Path, stack: Stack, block: str):
    # tests/client/test_installation.py runs this line.
    commands = block.replace("pip install ./client\n", "")
    ended = run(folder, stack, "sh", "-e", "-c", commands)
    assert ended.returncode == 0, ended.stderr
    if "> result.json" in block:
        result = json.loads((folder / "result.json").read_text())
        [documented] = [json.loads(text) for text in BLOCKS["json"] if "exit_status" in text]
        assert {**result, "job_id": documented["job_id"]} == documented
    else:
        assert re.fullmatch(r"job \d+ is cataloged\n", ended.stdout)


def test_the_library_uploads(folder: Path, stack: Stack):
    [block] = BLOCKS["python"]
    ended = run(folder, stack, sys.executable, "-c", block)
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(r"job \d+ is cataloged\n", ended.stdout)
