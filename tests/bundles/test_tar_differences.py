"""Tars that other readers read differently, found by `make fuzz`: they must be refused."""

import tarfile
from pathlib import Path

import pytest

from ingest.bundles.bundle import members
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle
from tools.fuzz.tar_blocks import extended, header, long_name, set_checksum, set_field
from tools.tar_blocks import BLOCK, END

FILE = header(b"data/a", 3) + b"aaa".ljust(BLOCK, b"\0")


def faults_of(tar: bytes, path: Path) -> str:
    path.write_bytes(tar)
    faults = FaultList()
    list(members(path, faults))
    try:
        faults.raise_as(InvalidBundle)
    except InvalidBundle as error:
        return str(error)
    return ""


@pytest.mark.parametrize("field", ["mode", "uid", "gid", "mtime", "devmajor", "devminor"])
@pytest.mark.parametrize("value", [b"x", b"-1", b"+1", b"1_0", b"1 1", b"8"])
def test_field_that_is_no_number_breaks_a_header(tmp_path: Path, field: str, value: bytes):
    # Python's tarfile ends there, GNU tar continues.
    broken = bytearray(FILE)
    set_field(broken, 0, field, value)
    set_checksum(broken, 0)
    assert FaultCode.HEADER_BROKEN in faults_of(FILE + broken + END, tmp_path / "bundle.tar")


@pytest.mark.parametrize("field", ["mode", "uid", "gid", "mtime", "devmajor", "devminor"])
@pytest.mark.parametrize("value", [b"", b"        ", b" 644 \0", b"0000644\0", b"\xff" * 12, b"\x80\0\0\0\0\0\0\1"])
def test_field_that_is_blank_or_any_number_is_accepted(tmp_path: Path, field: str, value: bytes):
    odd = bytearray(FILE)
    set_field(odd, 0, field, value)
    set_checksum(odd, 0)
    assert faults_of(bytes(odd) + END, tmp_path / "bundle.tar") == ""


@pytest.mark.parametrize("naming", [long_name(b"data/long"), extended([(b"path", b"data/long")])])
def test_file_of_the_oldest_format_that_has_a_folders_short_name_is_ambiguous(tmp_path: Path, naming: bytes):
    # Python's tarfile sees a folder, GNU tar a file.
    tar = naming + header(b"data/old/", kind=tarfile.AREGTYPE) + END
    assert FaultCode.HEADER_AMBIGUOUS in faults_of(tar, tmp_path / "bundle.tar")


def test_folder_that_is_stored_as_a_sparse_file_is_refused(tmp_path: Path):
    tar = extended([(b"GNU.sparse.map", b"x")]) + header(b"data/folder", kind=tarfile.DIRTYPE) + FILE + END
    assert FaultCode.MEMBER_IS_SPARSE in faults_of(tar, tmp_path / "bundle.tar")
