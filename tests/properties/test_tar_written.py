"""We read the tars of other programs: Python's `tarfile` and GNU tar, each in all of its formats."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ingest.errors.types import InvalidBundle
from tests.properties import tars
from tests.properties.profile import property_of, slow_property_of
from tools.fuzz.memory_file import MemoryFile
from tools.fuzz.tar_readers import Read, plain, read_by_gnu_tar, read_by_us

GNU_FORMATS = ("gnu", "oldgnu", "posix", "ustar", "v7")
INCREMENTAL = "--listed-incremental=snapshot"
# Options by which GNU tar writes the format posix, whatever --format before them says.
POSIX_OPTIONS = {"--acls", "--selinux", "--xattrs"}
# All options that change the headers of GNU tar, except --multi-volume; GNU tar refuses those that a format cannot hold.
GNU_OPTIONS = (
    "--acls",
    "--blocking-factor=1",
    "--dereference",
    "--group=日本:4000000000",
    "--hard-dereference",
    "--label=run 7",
    INCREMENTAL,
    "--mode=0",
    "--mtime=@-5.25",
    "--mtime=@99999999999",
    "--numeric-owner",
    "--owner=日本",
    "--pax-option=comment=all of them",
    "--pax-option=comment:=each of them",
    "--pax-option=delete=mtime",
    "--pax-option=exthdr.name=data/%f,globexthdr.name=data/%n",
    "--selinux",
    "--sort=name",
    "--sparse",
    "--xattrs",
)
Expected = dict[str | None, bytes]


def read(tar: bytes) -> Read:
    with MemoryFile() as file:
        file.write(tar)
        return read_by_us(file.path)


def written(listing: list[tars.Written], tar_format: int) -> bytes:
    try:
        return tars.write(listing, tar_format)
    except ValueError:
        # USTAR cannot hold the name or the time.
        assume(False)
        raise


@property_of
@given(tars.listings(), tars.formats)
def test_tar_of_tarfile_is_read_in_order(listing: list[tars.Written], tar_format: int):
    expected = [(plain(member.name), member.content) for member in listing if member.content is not None]
    assert read(written(listing, tar_format)) == expected


@property_of
@given(tars.listings(), tars.formats, st.sampled_from(["../x", "data/../x", "/data/x", "x", "data", "metadata.txt/x"]))
def test_member_of_tarfile_outside_data_is_refused(listing: list[tars.Written], tar_format: int, name: str):
    tar = written([*listing, tars.Written(name, b"x")], tar_format)
    with MemoryFile() as file:
        file.write(tar)
        with pytest.raises(InvalidBundle, match=r"\[member_outside_data\]$"):
            read_by_us(file.path)


def _by_gnu_tar(listing: list[tars.Written], tar_format: str, options: Sequence[str]) -> tuple[bytes, Expected] | None:
    """Return a tar of GNU tar and its contents; None where it refuses an option or the format cannot hold a name."""
    with TemporaryDirectory() as folder:
        expected = _on_disk(Path(folder), listing)
        command = ["tar", "--create", f"--format={tar_format}", *options, "data", "metadata.txt"]
        done = subprocess.run(command, capture_output=True, timeout=10, check=False, cwd=folder)
    return (done.stdout, expected) if done.returncode == 0 else None


def _check_gnu_tar(tar: bytes, expected: Expected, tar_format: str, options: Sequence[str]) -> None:
    is_posix = tar_format == "posix" or not POSIX_OPTIONS.isdisjoint(options)
    if INCREMENTAL in options and not is_posix:
        with pytest.raises(InvalidBundle, match=r"; make the tar with --format=posix .*\[header_ambiguous\]$"):
            read(tar)
        return
    ours = read(tar)
    assert dict(ours) == expected
    assert read_by_gnu_tar(tar) == ours


@slow_property_of
@given(tars.listings(), st.sampled_from(GNU_FORMATS), st.lists(st.sampled_from(GNU_OPTIONS), max_size=3, unique=True))
@example([tars.Written(tars.METADATA, b"[]")], "gnu", ["--selinux", INCREMENTAL])
@example([tars.Written(tars.METADATA, b"[]")], "gnu", ["--acls", INCREMENTAL])
@example([tars.Written(tars.METADATA, b"[]")], "gnu", ["--xattrs", INCREMENTAL])
def test_tar_of_gnu_tar_is_read(listing: list[tars.Written], tar_format: str, options: list[str]):
    made = _by_gnu_tar(listing, tar_format, options)
    assume(made is not None)
    assert made
    _check_gnu_tar(*made, tar_format, options)


@pytest.mark.parametrize("tar_format", GNU_FORMATS)
@pytest.mark.parametrize("option", GNU_OPTIONS)
def test_tar_of_gnu_tar_with_an_option_is_read(tar_format: str, option: str):
    deep = tars.Written(f"data/{'d' * 60}/{'n' * 90}" if tar_format != "v7" else "data/d/n", b"x" * 600)
    made = _by_gnu_tar([deep, tars.Written("data/日本"), tars.Written(tars.METADATA, b"[]")], tar_format, [option])
    if made is None:
        pytest.skip("GNU tar refuses this option in this format")
    _check_gnu_tar(*made, tar_format, [option])


def _on_disk(folder: Path, listing: list[tars.Written]) -> Expected:
    (folder / "data").mkdir()
    expected: Expected = {}
    for member in listing:
        path = folder / member.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(member.content or b"")
        except OSError:
            # The file system cannot hold the name, or a file has the name of a folder.
            assume(False)
        expected[plain(member.name)] = member.content or b""
    return expected


@slow_property_of
@given(tars.listings(), tars.formats)
def test_tar_of_tarfile_is_read_the_same_by_gnu_tar(listing: list[tars.Written], tar_format: int):
    tar = written(listing, tar_format)
    assert read_by_gnu_tar(tar) == read(tar)
