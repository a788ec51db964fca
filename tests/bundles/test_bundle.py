"""Reading of a bundle's tar: every format that uploaders use, and every kind of fault."""

import array
import gzip
import io
import re
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from ingest.bundles.bundle import Member, members, open_section, relative_path
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import MAX_LISTED, FaultList
from ingest.errors.types import InvalidBundle
from ingest.system.sanitize import quote_name
from tools.bundles import CONTENTS, make_bundle, make_tar
from tools.fuzz.tar_blocks import volume_label
from tools.tar_blocks import BLOCK, END, extended, extension, file, header, record, with_checksum

FORMATS = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]
LONG_NAME_FORMATS = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]
# More members than any test's tar has: stops a reader in an endless loop.
TOO_MANY = 10_000

Read = Callable[[bytes], list[Member]]
Contents = Callable[[bytes], dict[str | None, bytes]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle.tar"


@pytest.fixture
def read(bundle: Path) -> Read:
    def read_members(tar: bytes) -> list[Member]:
        bundle.write_bytes(tar)
        faults = FaultList()
        found = list(islice(members(bundle, faults), TOO_MANY))
        faults.raise_as(InvalidBundle)
        return found

    return read_members


@pytest.fixture
def contents(bundle: Path, read: Read) -> Contents:
    """Return the contents of the members' sections."""

    def read_contents(tar: bytes) -> dict[str | None, bytes]:
        found = {}
        for member in read(tar):
            with open_section(bundle, member.offset, member.size) as section:
                found[member.path] = section.read()
        return found

    return read_contents


def special(kind: bytes, **fields: object) -> bytes:
    """Return a tar whose second member has this type."""
    info = tarfile.TarInfo("data/odd")
    info.type = kind
    for name, value in fields.items():
        setattr(info, name, value)
    return file("data/a") + info.tobuf(tarfile.PAX_FORMAT) + END


def paths(found: list[Member]) -> list[str | None]:
    return [member.path for member in found]


# Accepted documents and tars


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
def test_metadata_stands_first_or_last(contents: Contents, name: str, first: bool):
    ordered = {name: b"[1]", "data/a": b"a"} if first else {"data/a": b"a", name: b"[1]"}
    found = contents(make_tar(ordered))
    assert list(found.items()) == ([(None, b"[1]"), ("a", b"a")] if first else [("a", b"a"), (None, b"[1]")])


@pytest.mark.parametrize("name", ["data/metadata.txt", "data/a/metadata.txt"])
def test_metadata_below_data_is_a_file_like_any_other(read: Read, name: str):
    assert paths(read(make_tar({name: b"x"}))) == [name.removeprefix("data/")]


@pytest.mark.parametrize("tar_format", LONG_NAME_FORMATS)
@pytest.mark.parametrize("length", [101, 256, 301, 4090])
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


def test_pax_headers_of_solaris_and_posix_are_not_both_taken(read: Read):
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


# Tars whose reading ends early


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


def test_spool_file_that_is_gone_is_no_fault_of_the_bundle(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        list(members(tmp_path / "gone.tar", FaultList()))


# False headers: each must end the reading with a fault of the bundle


@pytest.mark.parametrize("size", [-1, -BLOCK, -2 * BLOCK, -(2**40)])
def test_negative_size_is_invalid_and_is_not_read_for_ever(read: Read, size: int):
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


# Refused members


@pytest.mark.parametrize(
    ("kind", "fields", "said", "fault"),
    [
        (tarfile.SYMTYPE, {"linkname": "/etc/passwd"}, "symbolic link", FaultCode.MEMBER_IS_LINK),
        (tarfile.SYMTYPE, {"linkname": "data/a"}, "symbolic link", FaultCode.MEMBER_IS_LINK),
        (tarfile.LNKTYPE, {"linkname": "data/a"}, "hard link", FaultCode.MEMBER_IS_LINK),
        (tarfile.CHRTYPE, {"devmajor": 1, "devminor": 5}, "character device", FaultCode.MEMBER_IS_SPECIAL),
        (tarfile.BLKTYPE, {"devmajor": 8}, "block device", FaultCode.MEMBER_IS_SPECIAL),
        (tarfile.FIFOTYPE, {}, "pipe", FaultCode.MEMBER_IS_SPECIAL),
        (tarfile.CONTTYPE, {}, "contiguous file", FaultCode.MEMBER_IS_SPECIAL),
        (b"Q", {}, "file of the unknown type b'Q'", FaultCode.MEMBER_IS_SPECIAL),
    ],
)
def test_members_that_are_no_regular_files_are_named(
    read: Read, kind: bytes, fields: dict[str, object], said: str, fault: FaultCode
):
    with pytest.raises(InvalidBundle) as raised:
        read(special(kind, **fields))
    assert raised.value.text == f"member 'data/odd' is a {said}; only regular files are accepted [{fault}]"


@pytest.mark.parametrize(
    ("kind", "said", "advice"),
    [
        (b"D", "folder of an incremental tar", "make the tar without --listed-incremental"),
        (b"M", "continuation of a file that begins in another volume", "make the tar in one volume"),
        (b"N", "long name of an old GNU tar", "make the tar with --format=posix"),
        (b"S", "sparse file", "make the tar without --sparse (bsdtar, as on macOS: with --no-read-sparse)"),
    ],
)
@pytest.mark.parametrize("times", [bytes(12), bytes(12) + b"15303167333\0"])
def test_what_only_gnu_tar_writes_is_named_with_the_option_that_leaves_it_out(
    read: Read, kind: bytes, said: str, advice: str, times: bytes
):
    odd = bytearray(header("data/odd", 0, kind))
    odd[345 : 345 + len(times)] = times
    with pytest.raises(InvalidBundle) as raised:
        read(file("data/a") + with_checksum(odd) + END)
    assert f"member 'data/odd' is a {said}; only regular files are accepted: {advice}" in raised.value.text


@pytest.mark.parametrize("tar_format", ["gnu", "posix"])
def test_later_volume_of_gnu_tar_names_the_option_that_makes_volumes(tmp_path: Path, read: Read, tar_format: str):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_bytes(b"x" * 30_000)
    volumes = [f"--file={tmp_path}/{number}.tar" for number in range(3)]
    command = ["tar", "--create", f"--format={tar_format}", "--multi-volume", "--tape-length=20", *volumes, "data"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=20)
    with pytest.raises(InvalidBundle, match=r"make the tar in one volume \(without --multi-volume\)"):
        read((tmp_path / "1.tar").read_bytes())
    with pytest.raises(
        InvalidBundle, match=r"'data/a' claims 30000 bytes; send the whole tar, in one volume \[tar_cut\]"
    ):
        read((tmp_path / "0.tar").read_bytes())


@pytest.mark.parametrize("tar_format", ["gnu", "oldgnu"])
def test_incremental_tar_names_the_format_that_helps(tmp_path: Path, read: Read, tar_format: str):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_bytes(b"a")
    command = ["tar", "--create", "--listed-incremental=snapshot", "data"]
    advice = r"^the header at byte 0 can be read in two ways: .*; make the tar with (--format=posix) "
    with pytest.raises(InvalidBundle, match=advice) as raised:
        read(subprocess.check_output([*command, f"--format={tar_format}"], cwd=tmp_path, timeout=20))
    assert (found := re.match(advice, raised.value.text))
    (tmp_path / "snapshot").unlink()
    assert paths(read(subprocess.check_output([*command, found[1]], cwd=tmp_path, timeout=20))) == ["a"]


def test_sparse_file_of_bsdtar_names_the_option_that_helps(tmp_path: Path, read: Read):
    if not shutil.which("bsdtar"):
        pytest.skip("there is no bsdtar")
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/holes").open("wb") as holes:
        holes.seek(1024**2)
        holes.write(b"x")
    command = ["bsdtar", "-cf", "-", "data"]
    with pytest.raises(InvalidBundle, match=r"bsdtar, as on macOS: with (--no-read-sparse)") as raised:
        read(subprocess.check_output(command, cwd=tmp_path, timeout=20))
    assert "member 'data/holes' is a sparse file" in raised.value.text
    command.insert(1, "--no-read-sparse")
    assert paths(read(subprocess.check_output(command, cwd=tmp_path, timeout=20))) == ["holes"]


@pytest.mark.parametrize(
    "records",
    [
        {"GNU__sparse__major": "1", "GNU__sparse__minor": "0", "GNU__sparse__realsize": "9"},
        {"GNU__sparse__map": "0,4", "GNU__sparse__size": "4"},
        {"GNU__sparse__map": "0,1,2", "GNU__sparse__size": "x"},
        {"GNU__sparse__size": "x"},
        {"SCHILY__realsize": "4"},
    ],
)
def test_sparse_files_of_the_pax_format_are_named(read: Read, records: dict[str, str]):
    with pytest.raises(InvalidBundle, match=r"member 'data/odd' is a sparse file"):
        read(extended(**records) + file("data/odd", b"1\n0\n4\n".ljust(BLOCK, b"\0") + b"data") + END)


@pytest.mark.parametrize(
    "name",
    [
        "/data/a",
        "//data/a",
        "/etc/passwd",
        "/metadata.txt",
        "data/../a",
        "data/a/../../b",
        "data/..",
        "../data/a",
        "data/../metadata.txt",
        "other/a",
        "a",
        "Data/a",
        "data",
        "./data",
        "data2/a",
        "metadata.txt/a",
        "METADATA.TXT",
        "metadata.txt.bak",
        ".",
        "..",
    ],
)
def test_members_outside_data_are_named(read: Read, name: str):
    with pytest.raises(InvalidBundle, match=r"is neither metadata\.txt nor a file below data/") as raised:
        read(file("data/good") + file(name, b"x") + END)
    assert f"member {name!r}" in raised.value.text


def test_windows_paths_are_no_paths_below_data(read: Read):
    with pytest.raises(InvalidBundle, match=r"data\\\\a"):
        read(file("data\\a") + END)


def test_dots_that_are_no_folder_up_are_names(read: Read):
    assert paths(read(make_tar({"data/..a": b"", "data/a..b": b"", "data/...": b""}))) == ["..a", "a..b", "..."]


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_that_are_not_utf_8_are_named(bundle: Path, read: Read, tar_format: int):
    with tarfile.open(bundle, "w", format=tar_format, encoding="utf-8", errors="surrogateescape") as tar:
        tar.addfile(tarfile.TarInfo("data/latin-\udce9.txt"))
    with pytest.raises(InvalidBundle, match=r"member 'data/latin-\\udce9\.txt' has a name that is not UTF-8"):
        read(bundle.read_bytes())


@pytest.mark.parametrize("character", ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x9b"])
def test_name_with_a_control_character_is_refused(read: Read, character: str):
    with pytest.raises(InvalidBundle) as raised:
        read(extended(path=f"data/a{character}b") + file("data/a") + END)
    assert f"member {f'data/a{character}b'!r} has a control character in its name" in raised.value.text
    assert raised.value.text.isprintable()


@pytest.mark.parametrize("name", ["n" * 256, "日" * 256, "/".join(["n" * 200] * 21)])
def test_name_that_cannot_be_restored_is_refused(read: Read, name: str):
    with pytest.raises(InvalidBundle, match="path_too_long"):
        read(make_tar({f"data/{name}": b"x"}))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.AREGTYPE])
def test_file_with_the_name_of_a_folder_is_ambiguous(read: Read, kind: bytes):
    with pytest.raises(InvalidBundle, match="the name of a file ends with a slash, as a folder's"):
        read(header("data/a/", 1, kind) + b"x".ljust(BLOCK, b"\0") + END)


def test_all_faults_are_listed_and_good_members_are_given_before(bundle: Path):
    bundle.write_bytes(make_tar({"data/a": b"", "x": b"", "/y": b"", "data/b": b""}))
    faults = FaultList()
    assert paths(list(members(bundle, faults))) == ["a", "b"]
    with pytest.raises(InvalidBundle, match=r"^member 'x' is .*; member '/y' is .*$"):
        faults.raise_as(InvalidBundle)


def test_list_of_faults_is_bounded(read: Read):
    with pytest.raises(InvalidBundle, match=r"; and 7 more$") as raised:
        read(file("bad") * (MAX_LISTED + 7) + END)
    assert raised.value.text.count("member 'bad'") == MAX_LISTED


def test_long_name_is_cut_in_the_message(read: Read):
    with pytest.raises(InvalidBundle) as raised:
        read(make_tar({"n" * 5000: b""}))
    assert len(raised.value.text) < 500


def test_printable_escapes_what_a_terminal_would_obey():
    assert quote_name("a\x1b[31m\n\u202e") == r"'a\x1b[31m\n\u202e'"


# Memory


def test_memory_stays_flat_for_many_members(bundle: Path):
    with bundle.open("wb") as tar:
        for _ in range(50):
            tar.write(file("data/folder/name.txt", b"x") * 1000)
        tar.write(END)
    tracemalloc.start()
    try:
        count = sum(1 for _ in members(bundle, FaultList()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 5_000_000


# Sections


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    path = tmp_path / "digits"
    path.write_bytes(b"0123456789")
    return path


def test_section_gives_its_bytes_and_no_others(digits: Path):
    with open_section(digits, 2, 5) as section:
        assert section.readable()
        assert section.read() == b"23456"
        assert section.read() == b""


def test_section_is_read_in_parts(digits: Path):
    with open_section(digits, 2, 5) as section:
        assert [section.read(2), section.read(0), section.read(2), section.read(2), section.read(2)] == [
            b"23",
            b"",
            b"45",
            b"6",
            b"",
        ]


def test_section_fills_a_buffer_and_leaves_the_rest_of_it_alone(digits: Path):
    buffer = bytearray(b"........")
    with open_section(digits, 2, 5) as section:
        assert section.readinto(buffer) == 5
        assert buffer == b"23456..."
        assert section.readinto(buffer) == 0


def test_section_fills_no_more_than_the_buffer_holds(digits: Path):
    buffer = bytearray(3)
    with open_section(digits, 2, 5) as section:
        assert section.readinto(buffer) == 3
        assert section.read() == b"56"
    assert buffer == b"234"


def test_section_fills_a_buffer_of_larger_items(digits: Path):
    buffer = array.array("H", [0, 0])
    with open_section(digits, 2, 5) as section:
        assert section.readinto(buffer) == 4
    assert buffer.tobytes() == b"2345"


def test_section_can_be_read_through_a_buffered_reader(digits: Path):
    with open_section(digits, 2, 5) as section:
        assert io.BufferedReader(section, 4).read() == b"23456"


def test_section_can_be_read_to_its_end_as_a_raw_file(digits: Path):
    with open_section(digits, 2, 5) as section:
        assert section.readall() == b"23456"


def test_empty_section_has_nothing(digits: Path):
    with open_section(digits, 2, 0) as section:
        assert section.read() == b""
        assert section.readinto(bytearray(3)) == 0


def test_section_beyond_the_end_of_the_file_is_shorter(digits: Path):
    with open_section(digits, 8, 5) as section:
        assert section.read() == b"89"
        assert section.read() == b""


def test_section_closes_its_file(digits: Path):
    with open_section(digits, 2, 5) as section:
        pass
    with pytest.raises(ValueError, match="closed"):
        section.read()


# Paths


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (("data/a/b/", "c"), "a/b/c"),
        (("data//a/b", "c"), "a/b/c"),
        (("data/a/b", "c"), "a/b/c"),
        (("a/b", "c"), "a/b/c"),
        (("/a/b/", "c"), "a/b/c"),
        (("", "c"), "c"),
        (("data", "c"), "c"),
        (("data/", "c"), "c"),
        (("./data/./a", "c"), "a/c"),
        (("data/data/a", "c"), "data/a/c"),
        (("a/data", "c"), "a/data/c"),
        (("", "data/c"), "c"),
        (("database", "c"), "database/c"),
        (("a", "b/c"), "a/b/c"),
        (("data/日本", "é"), "日本/é"),
        (("a", "..b"), "a/..b"),
        (("data/a",), "a"),
        (("a", ".."), None),
        (("..", "c"), None),
        (("data/..", "c"), None),
        (("a/../b", "c"), None),
        (("", ""), None),
        (("data", ""), None),
        (("data", "."), None),
        (("a", "b\x00"), None),
        (("a", "\ud800"), None),
        (("a\udcff", "b"), None),
        ((), None),
    ],
)
def test_relative_path(names: tuple[str, ...], path: str | None):
    assert relative_path(*names) == path
