"""docs/how-to/make-a-bundle.md: each block of code makes a bundle that we, `tarfile` and GNU tar read alike."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ingest.bundles.bundle_metadata import MetadataReader
from ingest.states.stages import Kind
from tools.fuzz.tar_readers import Read, read_by_gnu_tar, read_by_python, read_by_us

PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "make-a-bundle.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BSDTAR = "bsdtar"
SECONDS = 120
JAR = Path("/usr/share/java/commons-compress.jar")
CONTENTS = {
    "run/results.csv": b"a,b\n1,2\n",
    "run/big.bin": bytes(100_000),
    "run/none": b"",
    "run/M\u00fcller \u65e5\u672c.txt": b"name",
    "run/with space & 'quote'.txt": b"space",
    f"{'d' * 90}/{'e' * 90}/long.txt": b"long",
}


def blocks(heading: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block of code below a heading."""
    return BLOCK.findall(re.split(r"^## ", PAGE.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Create a folder with data, and `bin` with programs under their names on other systems."""
    for name, content in CONTENTS.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "bin").mkdir()
    return tmp_path


def stand_in(folder: Path, name: str, *programs: str) -> None:
    """Link a name to the first of these programs that is installed."""
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        pytest.skip(f"there is no {programs[0]}")
    (folder / "bin" / name).symlink_to(program)


def run(folder: Path, *command: str) -> None:
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr


def write_metadata(folder: Path) -> None:
    [(language, script)] = blocks("metadata.txt")
    assert language == "python"
    run(folder, sys.executable, "-c", script)


def check(folder: Path, expected: Mapping[str, bytes] = CONTENTS) -> None:
    """Check that the bundle is accepted, its metadata is correct, and other readers read the same."""
    bundle = folder / "mybundle.tar"
    ours: Read = read_by_us(bundle)
    contents = dict(ours)
    assert contents.pop(None) == (folder / "metadata.txt").read_bytes()
    assert contents == expected
    assert read_by_python(bundle) == ours
    assert read_by_gnu_tar(bundle.read_bytes()) == ours
    with (folder / "metadata.txt").open("rb") as document:
        reader = MetadataReader(document, Kind.INGEST, 1)
        declared = {file.path: (file.size, file.hash_sum, file.hash_type) for file in reader.files()}
    assert not reader.faults
    assert {name: size for name, (size, _, _) in declared.items()} == {
        name: len(each) for name, each in expected.items()
    }
    assert all(
        hashlib.new(kind, expected[name]).hexdigest() == hash_sum for name, (_, hash_sum, kind) in declared.items()
    )
    assert {"submitter", "project", "instrument"} <= reader.transaction.keys()
    assert isinstance(json.loads((folder / "metadata.txt").read_text()), list)


@pytest.mark.parametrize(
    ("heading", "position", "stands_for"),
    [
        ("Linux", 0, ("tar", "tar")),
        ("Linux", 1, ("bsdtar", BSDTAR)),
        ("macOS", 0, ("tar", BSDTAR)),
        ("Windows", 0, ("tar.exe", BSDTAR)),
        ("Windows", 1, ("7z", "7zz", "7z")),
    ],
)
def test_command_makes_a_bundle(folder: Path, heading: str, position: int, stands_for: tuple[str, ...]):
    write_metadata(folder)
    stand_in(folder, *stands_for)
    language, command = blocks(heading)[position]
    assert language == "sh"
    run(folder, "sh", "-e", "-c", command)
    check(folder)


@pytest.mark.parametrize("row", re.findall(r"^\| ([A-Z][^|]*) \| `([^`]*)` \|$", PAGE.split("\n## ")[0], re.MULTILINE))
def test_command_of_the_table_makes_a_bundle(folder: Path, row: tuple[str, str]):
    system, command = row
    write_metadata(folder)
    if "7-Zip" in system:
        stand_in(folder, "7z", "7zz", "7z")
    elif system != "Linux":
        stand_in(folder, "tar.exe" if system == "Windows" else "tar", BSDTAR)
    run(folder, "sh", "-e", "-c", command)
    check(folder)


def test_files_that_macos_adds_are_left_out(folder: Path):
    write_metadata(folder)
    stand_in(folder, "tar", BSDTAR)
    for name in ("data/.DS_Store", "data/run/._results.csv", "._metadata.txt"):
        (folder / name).write_bytes(b"x")
    run(folder, "sh", "-e", "-c", blocks("macOS")[0][1])
    check(folder)


@pytest.mark.parametrize("heading", ["Linux", "Python"])
def test_links_are_stored_as_files(folder: Path, heading: str):
    (folder / "elsewhere").write_bytes(b"symbolic")
    (folder / "data/run/symbolic").symlink_to("../../elsewhere")
    os.link(folder / "data/run/results.csv", folder / "data/run/hard")
    write_metadata(folder)
    language, code = blocks(heading)[0]
    run(folder, *({"sh": ("sh", "-e", "-c"), "python": (sys.executable, "-c")}[language]), code)
    check(folder, CONTENTS | {"run/symbolic": b"symbolic", "run/hard": CONTENTS["run/results.csv"]})


def test_python_makes_a_bundle(folder: Path):
    write_metadata(folder)
    for name in ("data/.DS_Store", "data/run/._results.csv"):
        (folder / name).write_bytes(b"x")
    [(language, script)] = blocks("Python")
    assert language == "python"
    run(folder, sys.executable, "-c", script)
    check(folder)


def test_java_makes_a_bundle(folder: Path):
    if not shutil.which("java") or not JAR.exists():
        pytest.skip("there is no Java, or no Commons Compress")
    write_metadata(folder)
    (_, program), (_, command) = blocks("Java")
    (folder / "MakeBundle.java").write_text(program)
    run(folder, "sh", "-e", "-c", command)
    check(folder)


def test_r_makes_a_bundle(folder: Path):
    if not shutil.which("Rscript"):
        pytest.skip("there is no R")
    [(language, script)] = blocks("R")
    assert language == "r"
    (folder / "make.R").write_text(script)
    run(folder, "Rscript", "make.R")
    check(folder)


def test_listing_shows_the_bundle(folder: Path):
    write_metadata(folder)
    run(folder, "sh", "-e", "-c", blocks("Linux")[0][1])
    run(folder, "sh", "-e", "-c", blocks("Check the bundle and send it")[0][1])
