"""Fixtures that read a bundle."""

from itertools import islice
from pathlib import Path

import pytest

from ingest.bundles.bundle import Member, members, open_section
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle
from tests.bundles.tars import TOO_MANY, Contents, Read


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
