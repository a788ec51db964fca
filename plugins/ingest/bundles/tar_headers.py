"""Reads the members of a tar in order, each with the values of all its headers.

Called by `ingest.bundles.bundle`. Reads headers only: memory and time do not depend on the size of members, real or
claimed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ingest.bundles.large_extensions import LARGEST_EXTENSION, too_large
from ingest.bundles.member_kinds import GNU_SPARSE, HARD_LINK, SYMBOLIC_LINK, kind_of
from ingest.bundles.tar_blocks import ANOTHER_PROGRAM, BLOCK, VOLUME_LABEL, Block, ambiguous, parse_block
from ingest.bundles.tar_extensions import (
    EXTENSIONS,
    GLOBAL_PAX,
    LONG_LINK,
    LONG_NAME,
    PAX,
    SOLARIS_PAX,
    Extension,
    check_global,
    malformed,
    size_with,
    with_long_name,
    with_records,
)
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle
from ingest.system.sanitize import quote_name

REGULAR, OLD_REGULAR, FOLDER = b"0", b"\0", b"5"
# Members without data. If such a header claims a size, some readers skip that many bytes, others do not.
WITHOUT_DATA = frozenset({HARD_LINK, SYMBOLIC_LINK, b"3", b"4", b"6", VOLUME_LABEL})
TAIL_BLOCK = 1024 * 1024
ZEROS = bytes(BLOCK)
SEND_ALL = "send the whole file, and close the tar in the program that writes it"


@dataclass(frozen=True, slots=True)
class Header:
    """A member: its `name` as bytes, its `kind` as the tar's typeflag, and where its `size` bytes begin."""

    name: bytes
    kind: bytes
    size: int
    offset: int
    is_sparse: bool

    @property
    def shown(self) -> str:
        """The name, for messages."""
        return quote_name(self.name.decode("utf-8", "surrogateescape"))


def headers(file: BinaryIO, size: int) -> Iterator[Header]:
    """Yield the members in order; `size` is the size of the file in bytes.

    Raises InvalidBundle where reading cannot continue: the tar is truncated, or a header is broken or ambiguous.
    """
    offset = 0
    while (found := _next(file, offset)) is not None:
        offset = found.offset + _padded(found.size)
        if offset > size:
            claimed = f"member {found.shown} claims {found.size} bytes; send the whole tar, in one volume"
            raise InvalidBundle(f"the bundle is truncated: {claimed}", FaultCode.TAR_CUT)
        yield found
        if found.kind == GNU_SPARSE:
            # A map of unknown length precedes its data.
            return


def check_end(file: BinaryIO, offset: int) -> None:
    """Raise InvalidBundle unless only zeros follow from `offset` on."""
    file.seek(offset)
    while block := file.read(TAIL_BLOCK):
        if block.count(0) != len(block):
            at = offset + len(block) - len(block.lstrip(b"\0"))
            sentence = f"data follows the end of the tar, at byte {at}; send one tar and nothing else"
            raise InvalidBundle(sentence, FaultCode.TAR_GOES_ON)
        offset += len(block)


def _next(file: BinaryIO, offset: int) -> Header | None:
    """Read the headers of the member that begin at `offset`; return None at the end of the tar."""
    extension = Extension()
    kinds: set[bytes] = set()
    while (block := _block(file, offset)) is not None and block.kind in EXTENSIONS:
        kind = PAX if block.kind == SOLARIS_PAX else block.kind
        if kind in kinds:
            sentence = f"an extended header is repeated before one member, at byte {offset}; {ANOTHER_PROGRAM}"
            raise InvalidBundle(sentence, FaultCode.EXTENSION_EXCESSIVE)
        kinds.add(kind)
        extension = _extended(extension, block, _extension_data(file, block))
        offset += BLOCK + _padded(block.size)
    if block is not None:
        return _member(block, extension)
    if kinds:
        raise malformed(offset, "no member follows it")
    check_end(file, offset)
    return None


def _block(file: BinaryIO, offset: int) -> Block | None:
    file.seek(offset)
    data = file.read(BLOCK)
    if len(data) < BLOCK:
        sentence = f"the bundle is truncated: it ends at byte {offset + len(data)}, before its end-of-archive mark"
        raise InvalidBundle(f"{sentence}; {SEND_ALL}", FaultCode.TAR_CUT)
    return None if data == ZEROS else parse_block(data, offset)


def _extension_data(file: BinaryIO, block: Block) -> bytes:
    if block.size > LARGEST_EXTENSION:
        raise too_large(file, block)
    data = file.read(_padded(block.size))
    if len(data) < _padded(block.size):
        sentence = f"the bundle is truncated: it ends inside the extended header at byte {block.offset}"
        raise InvalidBundle(f"{sentence}; send the whole file", FaultCode.TAR_CUT)
    if any(data[block.size :]):
        raise ambiguous(block.offset, "data follows its end")
    return data[: block.size]


def _extended(extension: Extension, block: Block, data: bytes) -> Extension:
    if block.kind == GLOBAL_PAX:
        check_global(data, block.offset)
        return extension
    if block.kind == LONG_NAME:
        return with_long_name(extension, data, block.offset)
    return extension if block.kind == LONG_LINK else with_records(extension, data, block.offset)


def _member(block: Block, extension: Extension) -> Header:
    size = size_with(extension, block.size, block.offset)
    name = block.name if extension.name is None else extension.name
    kind = block.kind
    if size and kind in WITHOUT_DATA:
        raise _with_bytes(block.offset, kind, name, size)
    if kind == FOLDER:
        # Some writers store the size of the folder on their disk here. No reader expects that many bytes.
        size = 0
    if (kind in (REGULAR, OLD_REGULAR) and name.endswith(b"/")) or (kind == OLD_REGULAR and block.name.endswith(b"/")):
        # Tars older than POSIX mark folders like this.
        if kind == REGULAR or extension.name is not None or size:
            raise ambiguous(block.offset, "the name of a file ends with a slash, as a folder's")
        kind = FOLDER
    return Header(name, kind, size, block.offset + BLOCK, extension.is_sparse or kind == GNU_SPARSE)


def _with_bytes(offset: int, kind: bytes, name: bytes, size: int) -> InvalidBundle:
    """Return the error for a member without data that claims a size: readers disagree on where the next header is."""
    called = "volume label" if kind == VOLUME_LABEL else kind_of(kind).called
    shown = quote_name(name.decode("utf-8", "surrogateescape"))
    return ambiguous(offset, f"the {called} {shown} claims {size} bytes", f"leave it out, or {ANOTHER_PROGRAM}")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
