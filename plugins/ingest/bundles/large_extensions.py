"""Creates the error for an extended header that is too large to read, with advice on how to make a tar without it.

Called by `ingest.bundles.tar_headers`. These headers contain extended attributes of files (on macOS also resource forks),
which may have any size.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from ingest.bundles.tar_blocks import ANOTHER_PROGRAM, BLOCK, Block
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle
from ingest.system.sanitize import quote_name

LARGEST_EXTENSION = 1024 * 1024
# No more records are read, because a header may claim any size.
MAX_RECORDS = 100
RECORD = re.compile(rb"([0-9]{1,12}) ([^=]+)=")
# The prefixes of extended attributes and access control lists in GNU tar, bsdtar and Sun's tar.
ATTRIBUTES = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.", b"SCHILY.acl.", b"SUN.")
WITHOUT_ATTRIBUTES = "make the tar with --no-xattrs (macOS: COPYFILE_DISABLE=1 tar --no-xattrs --no-mac-metadata)"
WITHOUT_LISTS = "make the tar without --listed-incremental"


def too_large(file: BinaryIO, block: Block) -> InvalidBundle:
    """Return the error for an extended header of more than 1 MiB; the error names the largest record."""
    sentence = f"the extended header at byte {block.offset} claims {block.size} bytes, more than {LARGEST_EXTENSION}"
    length, key = max(_records(file, block), default=(0, b""))
    if length > BLOCK:
        sentence = f"{sentence}, {length} of them for {quote_name(key.decode(errors='replace'))}"
    return InvalidBundle(f"{sentence}; {_advice(key)}", FaultCode.EXTENSION_EXCESSIVE)


def _records(file: BinaryIO, block: Block) -> Iterator[tuple[int, bytes]]:
    """Yield the length and the key of each PAX record, without reading the values."""
    position, end = block.offset + BLOCK, block.offset + BLOCK + block.size
    for _ in range(MAX_RECORDS):
        file.seek(position)
        found = RECORD.match(file.read(BLOCK))
        if found is None or position >= end:
            return
        yield int(found[1]), found[2]
        position += max(int(found[1]), 1)


def _advice(key: bytes) -> str:
    if key.startswith(ATTRIBUTES):
        return WITHOUT_ATTRIBUTES
    return WITHOUT_LISTS if key == b"GNU.dumpdir" else ANOTHER_PROGRAM
