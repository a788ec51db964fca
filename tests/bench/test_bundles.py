"""The service accepts the bundles of the benchmark."""

import json
import tarfile
from pathlib import Path

import pytest

from bench import bundles
from bench.bundles import BLOCK, bundle_in
from tools.bundles import Entry


def test_bundle_holds_what_its_metadata_say(tmp_path: Path):
    with bundle_in(tmp_path, 3, BLOCK + 5) as path, tarfile.open(path) as tar:
        names = tar.getnames()
        metadata = tar.extractfile("metadata.txt")
        assert metadata
        files: list[Entry] = [entry for entry in json.load(metadata) if entry["destinationTable"] == "Files"]
        sizes = {member.name: member.size for member in tar}
    assert names == ["data/0000/000.bin", "data/0000/001.bin", "data/0000/002.bin", "metadata.txt"]
    assert [f"{entry['subdir']}/{entry['name']}" for entry in files] == names[:-1]
    assert [entry["size"] for entry in files] == [sizes[name] for name in names[:-1]] == [BLOCK + 5] * 3


def test_very_large_file_holds_zeros_that_take_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles, "LARGEST_OF_RANDOM_BYTES", 4 * BLOCK)
    with bundle_in(tmp_path, 1, 16 * BLOCK) as path, tarfile.open(path) as tar:
        member = tar.extractfile("data/0000/000.bin")
        assert member
        assert member.read() == bytes(16 * BLOCK)
        assert path.stat().st_blocks * 512 < BLOCK


def test_bundle_is_removed_afterwards(tmp_path: Path):
    with bundle_in(tmp_path, 1, 1):
        pass
    assert list(tmp_path.iterdir()) == []
