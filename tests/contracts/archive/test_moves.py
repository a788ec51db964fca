"""The contract of the archive for moves and restores: it stores the complete open file, whatever happens to its path."""

import os
import stat
from pathlib import Path

import pytest

from ingest.services.archive import Archive, OpenFile
from tests.contracts.archive.conftest import MakeSource, StoredAt
from tests.contracts.archive.contents import BLOCK, get, move, put
from tests.contracts.conftest import BUILT_IN, PACIFICA, UNPRIVILEGED, NewIds

OTHER_DEVICE = Path("/dev/shm")
NAMES = ["plain", "with  spaces", "日本.raw", "q'u\"o$t\\e%s&<b>", "two\nlines", os.fsdecode(b"latin-\xe9"), ".hidden"]


@pytest.mark.parametrize("size", [0, 1, BLOCK + 1, 10 * BLOCK])
def test_source_is_in_the_archive_and_gone_from_its_place(
    archive: Archive, make_source: MakeSource, new_id: int, size: int
):
    content = os.urandom(size)
    source = make_source(content)
    move(archive, new_id, source)
    assert list(source.parent.iterdir()) == []
    assert archive.holds(new_id)
    assert archive.size(new_id) == size
    assert get(archive, new_id) == content


@pytest.mark.parametrize("name", NAMES)
def test_source_may_have_any_name(archive: Archive, make_source: MakeSource, new_id: int, name: str):
    source = make_source(b"moved", name)
    move(archive, new_id, source)
    assert list(source.parent.iterdir()) == []
    assert get(archive, new_id) == b"moved"


def test_source_on_another_device_is_in_the_archive_and_gone(archive: Archive, make_source: MakeSource, new_id: int):
    source = make_source(b"moved", parent=OTHER_DEVICE)
    assert source.stat().st_dev != Path("/tmp").stat().st_dev
    move(archive, new_id, source)
    assert list(source.parent.iterdir()) == []
    assert get(archive, new_id) == b"moved"


def test_source_that_is_exchanged_is_left_and_the_file_that_was_open_is_stored(
    archive: Archive, make_source: MakeSource, new_id: int
):
    source, other = make_source(b"moved"), make_source(b"another file")
    with source.open("rb", buffering=0) as file:
        other.rename(source)
        archive.move(new_id, OpenFile(source, file))
    assert get(archive, new_id) == b"moved"
    assert source.read_bytes() == b"another file"


@pytest.mark.parametrize("form", [BUILT_IN, PACIFICA])
def test_link_in_place_of_the_sources_folder_does_not_reach_files_of_the_archive(
    archive: Archive, make_source: MakeSource, new_ids: NewIds, stored_at: StoredAt
):
    """ArchiveInterface accesses files by path, and follows links in the path."""
    archived, new_id = new_ids(2)
    put(archive, archived, b"another user's")
    place = stored_at(archived)
    source = make_source(b"moved", place.name)
    with source.open("rb", buffering=0) as file:
        source.parent.rename(source.parent.with_name(f"{source.parent.name}-aside"))
        source.parent.symlink_to(place.parent)
        archive.move(new_id, OpenFile(source, file))
    source.parent.unlink()
    source.parent.with_name(f"{source.parent.name}-aside").rename(source.parent)
    assert get(archive, archived) == b"another user's"
    assert get(archive, new_id) == b"moved"


def test_move_over_an_id_replaces_it(archive: Archive, make_source: MakeSource, new_id: int):
    put(archive, new_id, b"sent before")
    source = make_source(b"moved")
    move(archive, new_id, source)
    assert not source.exists()
    assert get(archive, new_id) == b"moved"


def test_hard_link_beside_the_source_keeps_its_bytes_when_the_archive_deletes_them(
    archive: Archive, make_source: MakeSource, new_id: int
):
    """A source is restored by the hard link that stayed next to it."""
    source = make_source(b"moved")
    link = source.with_name(".link")
    link.hardlink_to(source)
    move(archive, new_id, source)
    archive.delete(new_id)
    assert archive.size(new_id) is None
    assert link.read_bytes() == b"moved"


def test_source_that_was_restored_can_be_moved_again(archive: Archive, make_source: MakeSource, new_id: int):
    source = make_source(b"moved")
    link = source.with_name(".link")
    link.hardlink_to(source)
    move(archive, new_id, source)
    source.hardlink_to(link)
    archive.delete(new_id)
    move(archive, new_id, source)
    assert not source.exists()
    assert get(archive, new_id) == b"moved"


def test_id_that_held_a_moved_file_can_be_sent_after_a_delete(archive: Archive, make_source: MakeSource, new_id: int):
    move(archive, new_id, make_source(b"moved"))
    archive.delete(new_id)
    put(archive, new_id, b"sent")
    assert get(archive, new_id) == b"sent"


def moved_with_a_link(archive: Archive, make_source: MakeSource, file_id: int) -> Path:
    """Move a file that its owner may write and its group may read; return the hard link that stays."""
    source = make_source(b"moved")
    source.chmod(0o640)
    link = source.with_name(".link")
    link.hardlink_to(source)
    move(archive, file_id, source)
    assert stat.S_IMODE(link.stat().st_mode) == 0o640
    return link


@pytest.mark.parametrize("form", [PACIFICA, UNPRIVILEGED])
def test_delete_of_a_moved_file_changes_the_permissions_of_its_hard_link(
    archive: Archive, make_source: MakeSource, new_id: int
):
    """ArchiveInterface only makes a file writable before it deletes it; the hard link is the same file."""
    link = moved_with_a_link(archive, make_source, new_id)
    archive.delete(new_id)
    assert stat.S_IMODE(link.stat().st_mode) == stat.S_IWRITE


def test_hard_link_keeps_its_permissions_when_an_empty_file_is_moved_over_the_id_before_its_delete(
    archive: Archive, make_source: MakeSource, new_id: int
):
    link = moved_with_a_link(archive, make_source, new_id)
    move(archive, new_id, make_source(b""))
    archive.delete(new_id)
    assert not archive.holds(new_id)
    assert stat.S_IMODE(link.stat().st_mode) == 0o640
    assert link.read_bytes() == b"moved"
