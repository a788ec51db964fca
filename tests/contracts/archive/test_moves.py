"""What `move_files` and putting sources back rely on of the archive: the source goes in, whole, or stays."""

import os
import stat
from pathlib import Path

import pytest

from ingest.errors import ServiceUnavailable
from ingest.services.archive import Archive
from tests.contracts.archive.conftest import MakeSource
from tests.contracts.archive.contents import BLOCK, get, put
from tests.contracts.conftest import PACIFICA, UNPRIVILEGED

OTHER_DEVICE = Path("/dev/shm")
NAMES = ["plain", "with  spaces", "日本.raw", "q'u\"o$t\\e%s&<b>", "two\nlines", os.fsdecode(b"latin-\xe9"), ".hidden"]


@pytest.mark.parametrize("size", [0, 1, BLOCK + 1, 10 * BLOCK])
def test_source_is_in_the_archive_and_gone_from_its_place(
    archive: Archive, make_source: MakeSource, new_id: int, size: int
):
    content = os.urandom(size)
    source = make_source(content)
    archive.move(new_id, source)
    assert list(source.parent.iterdir()) == []
    assert archive.holds(new_id)
    assert archive.size(new_id) == size
    assert get(archive, new_id) == content


@pytest.mark.parametrize("name", NAMES)
def test_source_may_have_any_name(archive: Archive, make_source: MakeSource, new_id: int, name: str):
    source = make_source(b"moved", name)
    archive.move(new_id, source)
    assert list(source.parent.iterdir()) == []
    assert get(archive, new_id) == b"moved"


def test_source_on_another_device_is_in_the_archive_and_gone(archive: Archive, make_source: MakeSource, new_id: int):
    source = make_source(b"moved", parent=OTHER_DEVICE)
    assert source.stat().st_dev != Path("/tmp").stat().st_dev
    archive.move(new_id, source)
    assert list(source.parent.iterdir()) == []
    assert get(archive, new_id) == b"moved"


def test_missing_source_is_service_unavailable_and_nothing_is_stored(
    archive: Archive, make_source: MakeSource, new_id: int
):
    missing = make_source(b"").with_name("missing")
    with pytest.raises(ServiceUnavailable, match=r"No such file .*/missing"):
        archive.move(new_id, missing)
    assert not archive.holds(new_id)


def test_missing_source_keeps_what_the_id_holds(archive: Archive, make_source: MakeSource, new_id: int):
    source = make_source(b"moved before")
    archive.move(new_id, source)
    with pytest.raises(ServiceUnavailable):
        archive.move(new_id, source)
    assert get(archive, new_id) == b"moved before"


def test_move_over_an_id_replaces_it(archive: Archive, make_source: MakeSource, new_id: int):
    put(archive, new_id, b"sent before")
    source = make_source(b"moved")
    archive.move(new_id, source)
    assert not source.exists()
    assert get(archive, new_id) == b"moved"


def test_hard_link_beside_the_source_keeps_its_bytes_when_the_archive_deletes_them(
    archive: Archive, make_source: MakeSource, new_id: int
):
    """So a source is put back: by the link that stayed beside it."""
    source = make_source(b"moved")
    link = source.with_name(".link")
    link.hardlink_to(source)
    archive.move(new_id, source)
    archive.delete(new_id)
    assert archive.size(new_id) is None
    assert link.read_bytes() == b"moved"


def test_source_that_was_put_back_can_be_moved_again(archive: Archive, make_source: MakeSource, new_id: int):
    source = make_source(b"moved")
    link = source.with_name(".link")
    link.hardlink_to(source)
    archive.move(new_id, source)
    source.hardlink_to(link)
    archive.delete(new_id)
    archive.move(new_id, source)
    assert not source.exists()
    assert get(archive, new_id) == b"moved"


def test_id_that_held_a_moved_file_can_be_sent_after_a_delete(archive: Archive, make_source: MakeSource, new_id: int):
    archive.move(new_id, make_source(b"moved"))
    archive.delete(new_id)
    put(archive, new_id, b"sent")
    assert get(archive, new_id) == b"sent"


def moved_with_a_link(archive: Archive, make_source: MakeSource, file_id: int) -> Path:
    """Move a file whose owner may write and whose group may read; gives the hard link that stays."""
    source = make_source(b"moved")
    source.chmod(0o640)
    link = source.with_name(".link")
    link.hardlink_to(source)
    archive.move(file_id, source)
    assert stat.S_IMODE(link.stat().st_mode) == 0o640
    return link


@pytest.mark.parametrize("form", [PACIFICA, UNPRIVILEGED])
def test_delete_of_a_moved_file_takes_the_rights_of_its_hard_link(
    archive: Archive, make_source: MakeSource, new_id: int
):
    """ArchiveInterface makes a file writable, and nothing else, before it deletes it; both names are one file."""
    link = moved_with_a_link(archive, make_source, new_id)
    archive.delete(new_id)
    assert stat.S_IMODE(link.stat().st_mode) == stat.S_IWRITE


def test_hard_link_keeps_its_rights_when_an_empty_file_is_moved_over_the_id_before_its_delete(
    archive: Archive, make_source: MakeSource, new_id: int
):
    link = moved_with_a_link(archive, make_source, new_id)
    archive.move(new_id, make_source(b""))
    archive.delete(new_id)
    assert not archive.holds(new_id)
    assert stat.S_IMODE(link.stat().st_mode) == 0o640
    assert link.read_bytes() == b"moved"
