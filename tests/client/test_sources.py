"""The files of an upload are found with their names, and a file that changes is an error that names it."""

import os
from pathlib import Path

import pytest

from pacifica_ingest_client.bundle.sources import BLOCK, SourceFile, find_files, read_source
from pacifica_ingest_client.errors import NameUnusable, SourceChanged, SourceUnreadable, UsageError
from tests.client.folders import CONTENTS, write_files


def names(*paths: Path | str, exclude: tuple[str, ...] = ()) -> set[str]:
    return {file.name for file in find_files([str(path) for path in paths], exclude)}


def only(path: Path) -> SourceFile:
    [file] = find_files([str(path)])
    return file


def test_names_begin_with_the_given_folder(tmp_path: Path):
    assert names(write_files(tmp_path)) == set(CONTENTS)


def test_a_file_has_its_own_name(tmp_path: Path):
    write_files(tmp_path)
    assert names(tmp_path / "run/sub/two.bin", tmp_path / "run/one.txt") == {"two.bin", "one.txt"}


def test_the_current_folder_has_the_name_of_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(write_files(tmp_path, {"run/one.txt": b"one"}))
    assert names(".") == names("../run/") == {"run/one.txt"}


def test_files_of_macos_and_excluded_names_are_left_out(tmp_path: Path):
    contents = dict.fromkeys(("run/.DS_Store", "run/a/._one", "run/a/one.tmp", "run/cache/two", "run/kept"), b"x")
    assert names(write_files(tmp_path, contents), exclude=("*.tmp", "cache")) == {"run/kept"}


def test_links_are_followed(tmp_path: Path):
    write_files(tmp_path, {"run/one.txt": b"one", "elsewhere/two.txt": b"two"})
    (tmp_path / "run/file").symlink_to("../elsewhere/two.txt")
    (tmp_path / "run/folder").symlink_to("../elsewhere")
    assert names(tmp_path / "run") == {"run/one.txt", "run/file", "run/folder/two.txt"}


def test_a_link_to_a_folder_around_it_is_refused(tmp_path: Path):
    write_files(tmp_path, {"run/sub/one.txt": b"one"})
    (tmp_path / "run/sub/loop").symlink_to("..")
    with pytest.raises(SourceUnreadable, match="loop"):
        names(tmp_path / "run")


@pytest.mark.parametrize("kind", ["pipe", "broken link", "nothing"])
def test_what_is_no_file_is_refused_by_name(tmp_path: Path, kind: str):
    write_files(tmp_path, {"run/one.txt": b"one"})
    odd = tmp_path / "run/odd"
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "broken link":
        odd.symlink_to("nowhere")
    with pytest.raises(SourceUnreadable, match="run/odd"):
        names(tmp_path / "run" if kind != "nothing" else odd)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path):
    (tmp_path / "run").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/run/\xff.txt")).write_bytes(b"x")
    with pytest.raises(NameUnusable, match="udcff"):
        names(tmp_path / "run")


def test_two_paths_with_one_name_are_refused(tmp_path: Path):
    write_files(tmp_path, {"a/run/one": b"1", "b/run/one": b"2"})
    with pytest.raises(UsageError, match="called run"):
        names(tmp_path / "a/run", tmp_path / "b/run")


@pytest.mark.parametrize("offset", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 3])
def test_a_file_is_read_from_an_offset(tmp_path: Path, offset: int):
    content = bytes(range(251)) * (3 * BLOCK // 251)
    (tmp_path / "file").write_bytes(content)
    assert b"".join(read_source(only(tmp_path / "file"), offset)) == content[offset:]


def test_a_file_that_changed_before_it_is_read_is_an_error(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    file = only(path)
    path.write_bytes(b"older")
    with pytest.raises(SourceChanged, match=f"{path} changed"):
        list(read_source(file))


@pytest.mark.parametrize("change", ["grown", "touched", "shortened"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, change: str):
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * BLOCK))
    blocks = read_source(only(path))
    next(blocks)
    if change == "grown":
        path.write_bytes(bytes(4 * BLOCK))
    elif change == "touched":
        os.utime(path, (1, 1))
    else:
        os.truncate(path, BLOCK + 1)
    with pytest.raises(SourceChanged, match=str(path)):
        list(blocks)


def test_a_file_that_is_removed_is_an_error(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    file = only(path)
    path.unlink()
    with pytest.raises(SourceChanged, match=f"{path} was removed"):
        list(read_source(file))


def test_a_file_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path):
    # A folder in the place of the file: a user without rights would be root in the tests.
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(SourceUnreadable, match=f"{path} cannot be read"):
        list(read_source(SourceFile("file", str(path), 1, 0, "0")))
