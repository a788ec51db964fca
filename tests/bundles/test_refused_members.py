"""Members that are refused, each with its fault."""

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from ingest.bundles.bundle import members
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import MAX_LISTED, FaultList
from ingest.errors.types import InvalidBundle
from ingest.system.sanitize import quote_name
from tests.bundles.tars import Read, paths, special
from tools.bundles import make_tar
from tools.tar_blocks import BLOCK, END, extended, file, header, with_checksum


@pytest.mark.parametrize(
    ("kind", "fields", "description", "fault"),
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
    read: Read, kind: bytes, fields: dict[str, object], description: str, fault: FaultCode
):
    with pytest.raises(InvalidBundle) as raised:
        read(special(kind, **fields))
    assert raised.value.text == f"member 'data/odd' is a {description}; only regular files are accepted [{fault}]"


@pytest.mark.parametrize(
    ("kind", "description", "advice"),
    [
        (b"D", "folder of an incremental tar", "make the tar without --listed-incremental"),
        (b"M", "continuation of a file that begins in another volume", "make the tar in one volume"),
        (b"N", "long name of an old GNU tar", "make the tar with --format=posix"),
        (b"S", "sparse file", "make the tar without --sparse (bsdtar, as on macOS: with --no-read-sparse)"),
    ],
)
@pytest.mark.parametrize("times", [bytes(12), bytes(12) + b"15303167333\0"])
def test_members_that_only_gnu_tar_writes_are_named_with_the_option_that_avoids_them(
    read: Read, kind: bytes, description: str, advice: str, times: bytes
):
    odd = bytearray(header("data/odd", 0, kind))
    odd[345 : 345 + len(times)] = times
    with pytest.raises(InvalidBundle) as raised:
        read(file("data/a") + with_checksum(odd) + END)
    assert f"member 'data/odd' is a {description}; only regular files are accepted: {advice}" in raised.value.text


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


def test_all_faults_are_listed_and_good_members_are_returned_before_them(bundle: Path):
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


def test_quoted_name_escapes_control_characters():
    assert quote_name("a\x1b[31m\n\u202e") == r"'a\x1b[31m\n\u202e'"
