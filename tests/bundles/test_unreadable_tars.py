"""Tars whose reading ends early: truncated ones, and false headers."""

import gzip
import tarfile
from pathlib import Path

import pytest

from ingest.bundles.bundle import members
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle
from tests.bundles.tars import LONG_NAME_FORMATS, Read
from tools.bundles import make_bundle, make_tar
from tools.tar_blocks import BLOCK, END, extended, file, header


@pytest.mark.parametrize("tar_format", LONG_NAME_FORMATS)
def test_tar_that_is_cut_at_a_block_is_invalid(read: Read, tar_format: int):
    tar = make_tar(
        {
            "data/zeros": bytes(3 * BLOCK),
            "data/" + "n" * 200 + "/" + "m" * 200: b"x" * 700,
            "metadata.txt": b"[]" * 500,
        },
        tar_format=tar_format,
    )
    end = len(tar.rstrip(b"\0")) // BLOCK * BLOCK + BLOCK
    cuts = range(0, end + 1, BLOCK)
    assert len(cuts) > 10
    taken = []
    for cut in cuts:
        try:
            read(tar[:cut])
        except InvalidBundle:
            continue
        taken.append(cut)
    assert taken == []
    # After the first block of zeros, a truncation is undetectable and harmless: only zeros follow.
    assert len(read(tar[: end + BLOCK])) == 3


@pytest.mark.parametrize("tar_format", LONG_NAME_FORMATS)
def test_tar_that_is_cut_inside_a_block_is_invalid(read: Read, tar_format: int):
    tar = make_tar(
        {"data/" + "n" * 200 + "/" + "m" * 100: b"x" * 700, "data/zeros": bytes(BLOCK + 3)}, tar_format=tar_format
    )
    end = tar.rindex(b"zeros") // BLOCK * BLOCK + 3 * BLOCK
    assert len(read(tar[: end + BLOCK])) == 2
    taken = []
    for cut in range(1, end + BLOCK, 37):
        try:
            read(tar[:cut])
        except InvalidBundle:
            continue
        taken.append(cut)
    assert taken == []


def test_empty_file_is_no_bundle(read: Read):
    with pytest.raises(InvalidBundle, match="truncated: it ends at byte 0"):
        read(b"")


@pytest.mark.parametrize("content", [b"hello\n" * 500, b"\x89PNG" + b"x" * 5000, b"[]" + bytes(2048)])
def test_file_that_is_no_tar_is_invalid(read: Read, content: bytes):
    with pytest.raises(InvalidBundle, match=r"the bundle is not a tar; .* \[tar_unreadable\]"):
        read(content)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_broken_checksum_of_any_header_is_invalid(read: Read, position: int):
    tar = bytearray(b"".join(file(name, b"x") for name in ("data/a", "data/b", "data/c")) + END)
    tar[position * 2 * BLOCK] ^= 1
    with pytest.raises(InvalidBundle, match="tar_unreadable" if position == 0 else "header_broken"):
        read(bytes(tar))


def test_broken_header_in_the_middle_is_named_by_its_place(read: Read):
    tar = bytearray(file("data/a", b"x") + file("data/b", b"x") + END)
    tar[2 * BLOCK] ^= 1
    with pytest.raises(InvalidBundle, match="the header at byte 1024 is broken: its checksum is wrong"):
        read(bytes(tar))


def test_broken_header_behind_a_pax_header_is_invalid(read: Read):
    tar = bytearray(file("data/a") + extended(path="data/b") + file("data/b") + END)
    tar[3 * BLOCK] ^= 1
    with pytest.raises(InvalidBundle, match="the header at byte 1536 is broken"):
        read(bytes(tar))


@pytest.mark.parametrize("garbage", [b"x", bytes(3 * 1024 * 1024) + b"x", file("data/hidden", b"x")])
def test_anything_but_zeros_after_the_end_mark_is_invalid(read: Read, garbage: bytes):
    place = 2048 + len(garbage) - len(garbage.lstrip(b"\0"))
    with pytest.raises(InvalidBundle, match=rf"follows the end of the tar, at byte {place}; .* \[tar_goes_on\]"):
        read(file("data/a", b"a") + END + garbage)


def test_two_tars_one_after_the_other_are_no_bundle(read: Read):
    with pytest.raises(InvalidBundle, match="tar_goes_on"):
        read(make_bundle() + make_bundle())


def test_compressed_tar_is_named_as_such(read: Read):
    with pytest.raises(InvalidBundle, match=r"compressed \(gzip\); send the uncompressed tar"):
        read(gzip.compress(make_bundle()))


def test_missing_spool_file_is_not_a_fault_of_the_bundle(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        list(members(tmp_path / "gone.tar", FaultList()))


# False headers: each must end the reading with a fault of the bundle


@pytest.mark.parametrize("size", [-1, -BLOCK, -2 * BLOCK, -(2**40)])
def test_negative_size_is_invalid_and_causes_no_endless_loop(read: Read, size: int):
    with pytest.raises(InvalidBundle):
        read(file("data/a") + header("data/b", size) + END)


@pytest.mark.parametrize("size", ["-1", "-512", "-1024", "abc", "9" * 5000])
def test_wrong_size_in_a_pax_header_is_invalid(read: Read, size: str):
    with pytest.raises(InvalidBundle):
        read(file("data/a") + extended(size=size) + file("data/b", b"b") + END)


@pytest.mark.parametrize("size", [2**40, 2**60])
def test_member_larger_than_the_bundle_is_invalid(read: Read, size: int):
    with pytest.raises(InvalidBundle):
        read(file("data/a") + header("data/b", size) + END)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("position", [0, 1])
def test_header_that_announces_more_than_memory_holds_is_invalid(read: Read, kind: bytes, position: int):
    with pytest.raises(InvalidBundle):
        read(file("data/a") * position + header("odd", 2**60, kind) + file("data/b") + END)


@pytest.mark.parametrize("repeated", [extended(comment="x"), header("l", 1, b"L") + b"x" + bytes(BLOCK - 1)])
def test_endless_chain_of_extended_headers_is_invalid(read: Read, repeated: bytes):
    with pytest.raises(InvalidBundle):
        read(repeated * 2000 + file("data/b") + END)


@pytest.mark.parametrize(
    "records",
    [
        {"hdrcharset": "EBCDIC"},
        {"hdrcharset": "BINARY", "size": "x,y"},
    ],
)
def test_broken_records_of_a_pax_header_are_invalid(read: Read, records: dict[str, str]):
    with pytest.raises(InvalidBundle, match="the extended header at byte 512 is malformed"):
        read(file("data/a") + extended(**records) + file("data/b", b"b") + END)
