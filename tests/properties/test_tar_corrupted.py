"""A corrupted tar is accepted only if `tarfile` and GNU tar read it the same; otherwise it is the uploader's fault."""

from hypothesis import given
from hypothesis import strategies as st

from tests.properties import tars
from tests.properties.profile import property_of, slow_property_of
from tools.fuzz.memory_file import MemoryFile
from tools.fuzz.tar_blocks import header
from tools.fuzz.tar_oracle import check_tar
from tools.tar_blocks import BLOCK, END


@slow_property_of
@given(tars.corrupted_tars())
def test_accepted_tar_is_read_the_same_by_gnu_tar(tar: bytes):
    with MemoryFile() as file:
        check_tar(file, tar, gnu_tar=True)


@property_of
@given(tars.corrupted_tars())
def test_accepted_tar_is_read_the_same_by_tarfile(tar: bytes):
    with MemoryFile() as file:
        check_tar(file, tar, gnu_tar=False)


@property_of
@given(st.binary(max_size=3 * BLOCK), st.booleans())
def test_any_bytes_are_accepted_or_refused_as_an_invalid_bundle(content: bytes, after_a_header: bool):
    with MemoryFile() as file:
        check_tar(file, header(b"data/a", BLOCK) + content + END if after_a_header else content, gnu_tar=False)
