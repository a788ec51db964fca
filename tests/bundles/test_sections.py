"""Flat memory, sections of a bundle, and paths below data/."""

import array
import io
import tracemalloc
from pathlib import Path

import pytest

from ingest.bundles.bundle import members, open_section, relative_path
from ingest.errors.fault_list import FaultList
from tools.tar_blocks import END, file

# Memory


def test_memory_stays_flat_for_many_members(bundle: Path):
    with bundle.open("wb") as tar:
        for _ in range(10):
            tar.write(file("data/folder/name.txt", b"x") * 1000)
        tar.write(END)
    tracemalloc.start()
    try:
        count = sum(1 for _ in members(bundle, FaultList()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 10_000
    # The buffer takes 1 MiB; a list of these members would take 2 MB more.
    assert peak < 1_300_000


# Sections


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    path = tmp_path / "digits"
    path.write_bytes(b"0123456789")
    return path


def test_section_returns_its_own_bytes_only(digits: Path):
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
