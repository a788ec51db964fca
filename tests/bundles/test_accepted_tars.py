"""Tars that are accepted: every format that uploaders use."""

import io
import tarfile
from pathlib import Path

import pytest

from ingest.bundles.bundle import Member, members
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle
from tests.bundles.tars import FORMATS, LONG_NAME_FORMATS, Contents, Read, paths
from tools.bundles import CONTENTS, make_tar
from tools.fuzz.tar_blocks import volume_label
from tools.tar_blocks import BLOCK, END, extended, extension, file, header, record, with_checksum


@pytest.mark.parametrize("tar_format", FORMATS)
def test_members_of_every_format_are_found_with_their_bytes(contents: Contents, tar_format: int):
    tar = make_tar({**CONTENTS, "metadata.txt": b"[]"}, tar_format=tar_format)
    expected: dict[str | None, bytes] = {name.removeprefix("data/"): content for name, content in CONTENTS.items()}
    assert contents(tar) == expected | {None: b"[]"}


@pytest.mark.parametrize("tar_format", FORMATS)
def test_members_come_in_the_order_of_the_tar(read: Read, tar_format: int):
    names = ["data/z", "data/a", "data/m"]
    assert paths(read(make_tar(dict.fromkeys(names, b"x"), tar_format=tar_format))) == ["z", "a", "m"]


@pytest.mark.parametrize("name", ["data/a/b", "./data/a/b", "data//a/b", ".//data/./a//b", "data/a/./b"])
def test_names_may_hold_dots_and_double_slashes(contents: Contents, name: str):
    assert contents(make_tar({name: b"one"})) == {"a/b": b"one"}


@pytest.mark.parametrize("name", ["metadata.txt", "./metadata.txt", ".//metadata.txt"])
@pytest.mark.parametrize("first", [True, False])
def test_metadata_may_be_first_or_last(contents: Contents, name: str, first: bool):
    ordered = {name: b"[1]", "data/a": b"a"} if first else {"data/a": b"a", name: b"[1]"}
    found = contents(make_tar(ordered))
    assert list(found.items()) == ([(None, b"[1]"), ("a", b"a")] if first else [("a", b"a"), (None, b"[1]")])


@pytest.mark.parametrize("name", ["data/metadata.txt", "data/a/metadata.txt"])
def test_metadata_below_data_is_a_file_like_any_other(read: Read, name: str):
    assert paths(read(make_tar({name: b"x"}))) == [name.removeprefix("data/")]


@pytest.mark.parametrize("tar_format", LONG_NAME_FORMATS)
@pytest.mark.parametrize("length", [101, 256, 301, 4095])
def test_long_names_are_kept_whole(contents: Contents, tar_format: int, length: int):
    name = "data/" + "/".join(["n" * 99] * (length // 100 + 1))[:length]
    assert contents(make_tar({name: b"long", "data/b": b"b"}, tar_format=tar_format)) == {
        name.removeprefix("data/"): b"long",
        "b": b"b",
    }


def test_ustar_names_are_joined_from_prefix_and_name(contents: Contents):
    name = f"data/{'p' * 149}/{'n' * 99}"
    assert contents(make_tar({name: b"x"}, tar_format=tarfile.USTAR_FORMAT)) == {name.removeprefix("data/"): b"x"}


@pytest.mark.parametrize("tar_format", FORMATS)
@pytest.mark.parametrize("name", ["日本.txt", "é", "e\u0301", "😀", "a b", "\u202e", "back\\slash"])
def test_unicode_names_are_kept_as_they_are(contents: Contents, tar_format: int, name: str):
    assert contents(make_tar({f"data/{name}": b"x"}, tar_format=tar_format)) == {name: b"x"}


@pytest.mark.parametrize("tar_format", FORMATS)
def test_folders_are_passed_over(bundle: Path, read: Read, tar_format: int):
    with tarfile.open(bundle, "w", format=tar_format) as tar:
        for name in ("data", "data/empty", "other", "/absolute"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        tar.addfile(tarfile.TarInfo("data/a"))
    assert paths(read(bundle.read_bytes())) == ["a"]


def test_folder_of_the_oldest_format_is_passed_over(read: Read):
    assert paths(read(header("data/old/", kind=tarfile.AREGTYPE) + file("data/a") + END)) == ["a"]


@pytest.mark.parametrize("name", ["data/", "data"])
@pytest.mark.parametrize("size", [1, 4096, 8**11])
def test_folder_that_claims_its_size_on_a_disk_has_no_bytes(contents: Contents, name: str, size: int):
    assert contents(header(name, size, tarfile.DIRTYPE) + file("data/a", b"a") + END) == {"a": b"a"}


@pytest.mark.parametrize("label", [header("run 7", 0, b"V"), volume_label(b"run 7"), volume_label(b"data/a")])
def test_volume_label_is_passed_over(contents: Contents, label: bytes):
    assert contents(label + file("data/a", b"a") + END) == {"a": b"a"}


def test_pax_header_of_solaris_is_read_as_one_of_posix(contents: Contents):
    tar = extension(record("path", "data/a"), tarfile.SOLARIS_XHDTYPE) + file("x", b"a") + END
    assert contents(tar) == {"a": b"a"}


def test_pax_headers_of_solaris_and_posix_for_one_member_are_refused(read: Read):
    both = extension(record("path", "data/a"), tarfile.SOLARIS_XHDTYPE) + extended(comment="x")
    with pytest.raises(InvalidBundle, match=r"an extended header is repeated before one member, at byte 1024"):
        read(both + file("x", b"a") + END)


def test_change_time_alone_in_a_header_of_gnu_tar_is_passed_over(contents: Contents):
    block = bytearray(header("data/a", 1))
    block[345:369] = bytes(12) + b"15303167333\0"
    assert contents(with_checksum(block) + b"a".ljust(BLOCK, b"\0") + END) == {"a": b"a"}


def test_header_for_the_whole_tar_is_no_member(contents: Contents):
    # Written by `git archive`.
    tar = header("pax_global_header", 0, tarfile.XGLTYPE) + file("data/a", b"a") + END
    assert contents(tar) == {"a": b"a"}


@pytest.mark.parametrize("zeros", [BLOCK, 2 * BLOCK, 20 * BLOCK, 2 * 1024 * 1024, BLOCK + 1])
def test_end_mark_may_be_any_number_of_zeros_from_one_block(read: Read, zeros: int):
    assert paths(read(file("data/a", b"a") + bytes(zeros))) == ["a"]


def test_tar_without_members_has_none(read: Read):
    assert read(make_tar({})) == []


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_sizes_around_a_block_are_exact(contents: Contents, size: int):
    assert contents(make_tar({"data/a": b"x" * size, "data/b": b"b"})) == {"a": b"x" * size, "b": b"b"}


def test_member_of_more_than_8_gib_is_found(bundle: Path):
    size = 9 * 1024**3
    for beginning in (header("data/big", size), extended(size=str(size)) + header("data/big")):
        with bundle.open("wb") as tar:
            tar.write(beginning)
            tar.seek(size, io.SEEK_CUR)
            tar.write(file("data/b") + END)
        offset = len(beginning)
        assert list(members(bundle, FaultList())) == [
            Member("big", offset, size),
            Member("b", offset + size + BLOCK, 0),
        ]
