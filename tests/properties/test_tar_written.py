"""What others write, we read: Python's `tarfile` in each of its formats, and GNU tar in each of its own."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.errors import InvalidBundle
from tests.fuzz.memory_file import MemoryFile
from tests.fuzz.tar_readers import Read, plain, read_by_gnu_tar, read_by_us
from tests.properties import tars
from tests.properties.profile import property_of, slow_property_of

GNU_FORMATS = ("gnu", "oldgnu", "posix", "ustar", "v7")


def read(tar: bytes) -> Read:
    with MemoryFile() as file:
        file.write(tar)
        return read_by_us(file.path)


def written(listing: list[tars.Written], tar_format: int) -> bytes:
    try:
        return tars.write(listing, tar_format)
    except ValueError:
        # USTAR has no room for the name or the time.
        assume(False)
        raise


@property_of
@given(tars.listings(), tars.formats)
def test_what_tarfile_writes_is_read_in_order(listing: list[tars.Written], tar_format: int):
    expected = [(plain(member.name), member.content) for member in listing if member.content is not None]
    assert read(written(listing, tar_format)) == expected


@property_of
@given(tars.listings(), tars.formats, st.sampled_from(["../x", "data/../x", "/data/x", "x", "data", "metadata.txt/x"]))
def test_what_tarfile_writes_outside_of_data_is_refused_as_such(
    listing: list[tars.Written], tar_format: int, name: str
):
    tar = written([*listing, tars.Written(name, b"x")], tar_format)
    with MemoryFile() as file:
        file.write(tar)
        with pytest.raises(InvalidBundle, match=r"\[member_outside_data\]$"):
            read_by_us(file.path)


@slow_property_of
@given(tars.listings(), st.sampled_from(GNU_FORMATS), st.sampled_from([(), ("--owner=日本",), ("--mtime=@-5.25",)]))
def test_what_gnu_tar_writes_is_read(listing: list[tars.Written], tar_format: str, options: tuple[str, ...]):
    with TemporaryDirectory() as folder:
        expected = _on_disk(Path(folder), listing)
        command = ["tar", "--create", f"--format={tar_format}", *options, "-C", folder, "data", "metadata.txt"]
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    # It leaves out what the format has no room for.
    assume(done.returncode == 0)
    assert dict(read(done.stdout)) == expected


def _on_disk(folder: Path, listing: list[tars.Written]) -> dict[str | None, bytes]:
    (folder / "data").mkdir()
    expected: dict[str | None, bytes] = {}
    for member in listing:
        path = folder / member.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(member.content or b"")
        except OSError:
            # The file system has no room for the name, or a file stands where a folder should.
            assume(False)
        expected[plain(member.name)] = member.content or b""
    return expected


@slow_property_of
@given(tars.listings(), tars.formats)
def test_what_tarfile_writes_is_read_by_gnu_tar_as_by_us(listing: list[tars.Written], tar_format: int):
    tar = written(listing, tar_format)
    assert read_by_gnu_tar(tar) == read(tar)
