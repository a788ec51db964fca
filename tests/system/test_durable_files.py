"""Partial files: a new one is not truncated, one that a killed process left is."""

import os
from pathlib import Path

import pytest

from ingest.system.durable_files import part_path, writing


@pytest.fixture
def truncated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the sizes of files when they were truncated."""
    sizes: list[int] = []
    truncate = os.ftruncate

    def counted(descriptor: int, size: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        truncate(descriptor, size)

    monkeypatch.setattr(os, "ftruncate", counted)
    return sizes


def test_new_file_is_not_truncated_which_makes_ext4_write_it_when_it_is_closed(truncated: list[int], tmp_path: Path):
    with writing(tmp_path / "new") as part:
        part.write(b"x")
    assert truncated == []


def test_file_that_a_killed_process_left_is_truncated(truncated: list[int], tmp_path: Path):
    part_path(tmp_path / "new").write_bytes(b"longer")
    with writing(tmp_path / "new") as part:
        part.write(b"x")
    assert (truncated, part_path(tmp_path / "new").read_bytes()) == ([6], b"x")
