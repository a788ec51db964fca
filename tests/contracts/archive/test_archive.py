"""The contract of the archive for ingest and deletion: it stores exactly the bytes that were sent, or fails."""

import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.errors.types import FenceLost, ServiceUnavailable
from ingest.services.archive import Archive
from ingest.services.archive_pipeline import MAX_BYTES
from ingest.services.outgoing_file import OutgoingFile
from tests.contracts.archive.contents import BLOCK, get, put
from tests.contracts.conftest import BUILT_IN, PACIFICA, UNPRIVILEGED, Connect, NewIds
from tests.services.bodies import FailingBody

CLIENTS = 4


def assert_can_be_sent_again(archive: Archive, file_id: int) -> None:
    """Check that a file can be sent again, as a retry does with a partly sent file."""
    archive.delete(file_id)
    assert archive.size(file_id) is None
    put(archive, file_id, b"the right bytes")
    assert get(archive, file_id) == b"the right bytes"


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK])
def test_stored_file_can_be_measured_read_and_deleted(archive: Archive, new_id: int, size: int):
    content = os.urandom(size)
    put(archive, new_id, content)
    assert archive.size(new_id) == size
    assert get(archive, new_id) == content
    archive.delete(new_id)
    assert archive.size(new_id) is None


@pytest.mark.parametrize("size", [0, 1, BLOCK])
def test_id_is_held_from_its_put_to_its_delete(archive: Archive, new_id: int, size: int):
    assert not archive.holds(new_id)
    put(archive, new_id, bytes(size))
    assert archive.holds(new_id)
    archive.delete(new_id)
    assert not archive.holds(new_id)


def test_contents_come_in_blocks(archive: Archive, new_id: int):
    put(archive, new_id, bytes(3 * BLOCK))
    assert max(map(len, archive.get(new_id))) <= BLOCK


def test_another_client_finds_a_stored_file(connect: Connect, new_id: int):
    put(connect().archive, new_id, b"put by one")
    assert get(connect().archive, new_id) == b"put by one"


def test_size_of_an_id_that_is_not_there_is_none(archive: Archive, new_id: int):
    assert archive.size(new_id) is None


def test_missing_id_cannot_be_read(archive: Archive, new_id: int):
    with pytest.raises(ServiceUnavailable, match="No such file"):
        get(archive, new_id)


def test_delete_of_an_id_that_is_not_there_is_no_error(archive: Archive, new_ids: NewIds):
    absent, present = new_ids(2)
    put(archive, present, b"x")
    archive.delete(absent)
    archive.delete(absent)
    assert archive.size(present) == 1


@pytest.mark.parametrize("file_id", [1, 255, 256, 2**31 - 1, 2**31, 2**53, 2**63 - 1])
def test_ids_of_any_size_are_held_apart(archive: Archive, new_id: int, file_id: int):
    put(archive, new_id, b"another")
    put(archive, file_id, b"this")
    assert get(archive, file_id) == b"this"
    archive.delete(file_id)
    assert archive.size(file_id) is None
    assert get(archive, new_id) == b"another"


@pytest.mark.parametrize("form", [BUILT_IN, PACIFICA])
def test_put_over_an_id_replaces_it(archive: Archive, new_id: int):
    put(archive, new_id, b"the first, which is longer")
    put(archive, new_id, b"the second")
    assert get(archive, new_id) == b"the second"


@pytest.mark.parametrize("form", [UNPRIVILEGED])
def test_put_over_an_id_is_refused_and_keeps_it_when_the_archive_cannot_write_over_its_files(
    archive: Archive, new_id: int
):
    put(archive, new_id, b"the first, which is longer")
    with pytest.raises(ServiceUnavailable, match="Permission denied"):
        put(archive, new_id, b"the second")
    assert get(archive, new_id) == b"the first, which is longer"


def test_id_that_exists_can_be_sent_again_after_a_delete(archive: Archive, new_id: int):
    put(archive, new_id, b"sent by a process that was killed")
    assert_can_be_sent_again(archive, new_id)


@pytest.mark.parametrize(("size", "announced"), [(0, 1), (3, 10), (BLOCK, 3 * BLOCK), (BLOCK - 1, BLOCK)])
def test_body_that_ends_early_is_service_unavailable_and_can_be_sent_again(
    archive: Archive, new_id: int, size: int, announced: int
):
    with pytest.raises(ServiceUnavailable, match=f"ended after {size} of {announced} announced bytes"):
        archive.put(new_id, io.BytesIO(bytes(size)), announced)
    assert (archive.size(new_id) or 0) <= size
    assert_can_be_sent_again(archive, new_id)


@pytest.mark.parametrize(("size", "announced"), [(1, 0), (6, 3), (2 * BLOCK + 1, 2 * BLOCK)])
def test_body_that_is_too_long_is_service_unavailable_and_can_be_sent_again(
    archive: Archive, new_id: int, size: int, announced: int
):
    with pytest.raises(ServiceUnavailable, match=f"continues after the last of {announced} announced bytes"):
        archive.put(new_id, io.BytesIO(bytes(size)), announced)
    assert_can_be_sent_again(archive, new_id)


@pytest.mark.parametrize("error", [FenceLost("a newer process"), OSError("the spool"), ConnectionResetError("a pipe")])
@pytest.mark.parametrize("size", [0, 10, BLOCK, 3 * BLOCK + 5])
def test_error_of_the_body_is_raised_unchanged_and_the_next_put_works(
    archive: Archive, new_ids: NewIds, size: int, error: Exception
):
    file_id, other = new_ids(2)
    with pytest.raises(type(error)) as caught:
        archive.put(file_id, FailingBody(size, error), 10 * BLOCK)
    assert caught.value is error
    put(archive, other, b"next")
    assert get(archive, other) == b"next"
    assert_can_be_sent_again(archive, file_id)


@pytest.mark.parametrize("form", [BUILT_IN, PACIFICA, UNPRIVILEGED])
def test_files_that_are_put_together_keep_their_bytes_and_report_their_sizes(archive: Archive, new_ids: NewIds):
    sizes = [0, 1, 4096, MAX_BYTES, MAX_BYTES + 1, BLOCK + 1] * 10
    contents = {file_id: os.urandom(size) for file_id, size in zip(new_ids(len(sizes)), sizes, strict=True)}
    files = [OutgoingFile(file_id, io.BytesIO(content), len(content)) for file_id, content in contents.items()]
    assert list(archive.put_all(files, lambda: None)) == sizes
    assert {file_id: get(archive, file_id) for file_id in contents} == contents


@pytest.mark.parametrize("size", [0, 10, BLOCK])
def test_error_of_a_body_among_others_is_raised_unchanged_and_keeps_the_files_before_it(
    archive: Archive, new_ids: NewIds, size: int
):
    error = FenceLost("a newer process")
    ids = new_ids(5)
    bodies = [io.BytesIO(b"whole"), io.BytesIO(b"whole"), FailingBody(size, error), io.BytesIO(b"whole")]
    files = [OutgoingFile(file_id, body, 5) for file_id, body in zip(ids, bodies, strict=False)]
    files[2] = OutgoingFile(ids[2], bodies[2], 10 * BLOCK)
    with pytest.raises(FenceLost) as caught:
        list(archive.put_all(files, lambda: None))
    assert caught.value is error
    assert [archive.size(file_id) for file_id in ids[:2]] == [5, 5]
    assert archive.size(ids[3]) is None
    assert_can_be_sent_again(archive, ids[2])


def test_many_files_over_one_client_keep_their_bytes(archive: Archive, new_ids: NewIds):
    ids = new_ids(100)
    for file_id in ids:
        put(archive, file_id, b"%d" % file_id)
    assert [get(archive, file_id) for file_id in ids] == [b"%d" % file_id for file_id in ids]


def test_simultaneous_clients_never_mix_their_bytes(connect: Connect, new_ids: NewIds):
    clients = [connect().archive for _ in range(CLIENTS)]
    ids = new_ids(40)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda file_id: put(clients[file_id % CLIENTS], file_id, b"%d" % file_id * 10_000), ids))
    assert [get(clients[0], file_id) for file_id in ids] == [b"%d" % file_id * 10_000 for file_id in ids]
