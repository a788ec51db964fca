"""The longest path is the same in the tar and in the metadata, so that preflight accepts no bundle that a job refuses."""

import pytest

from ingest.bundles.names import LONGEST_PATH
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle
from tests.bundles.metadata.documents import declared, fault_of
from tests.bundles.tars import LONG_NAME_FORMATS, Read, paths
from tools.bundles import file_entry, make_tar


def path_of(size: int, letter: str) -> str:
    """Return a path of so many bytes, whose parts are short enough."""
    part = letter * 60 + "/"
    whole = size // len(part.encode()) - 1
    rest = size - whole * len(part.encode())
    return part * whole + "n" * (rest // 2) + "/" + "n" * (rest - rest // 2 - 1)


@pytest.mark.parametrize("tar_format", LONG_NAME_FORMATS)
@pytest.mark.parametrize("letter", ["n", "日"])
@pytest.mark.parametrize("prefix", ["data/", "./data//"])
def test_longest_path_is_accepted(read: Read, tar_format: int, letter: str, prefix: str):
    path = path_of(LONGEST_PATH, letter)
    assert paths(read(make_tar({f"{prefix}{path}": b"x"}, tar_format=tar_format))) == [path]
    assert [file.path for file in declared(file_entry(f"data/{path}", b"x"))] == [path]


@pytest.mark.parametrize("tar_format", LONG_NAME_FORMATS)
@pytest.mark.parametrize("letter", ["n", "日"])
@pytest.mark.parametrize("prefix", ["data/", "./data//"])
def test_longer_path_is_refused(read: Read, tar_format: int, letter: str, prefix: str):
    path = path_of(LONGEST_PATH + 1, letter)
    with pytest.raises(InvalidBundle) as raised:
        read(make_tar({f"{prefix}{path}": b"x"}, tar_format=tar_format))
    assert str(FaultCode.PATH_TOO_LONG) in raised.value.text
    assert "its path has more than 4095 bytes" in fault_of(file_entry(f"data/{path}", b"x"))
