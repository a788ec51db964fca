"""Tars made block by block, because tar programs would not write them."""

import tarfile

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)


def with_checksum(block: bytes | bytearray) -> bytes:
    """Return a header block whose checksum is right."""
    changed = bytearray(block)
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return one header block with a correct checksum; other fields may be wrong."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    return with_checksum(block)


def padded(content: bytes) -> bytes:
    """Return content, padded to whole blocks."""
    return content + bytes(-len(content) % BLOCK)


def file(name: str, content: bytes = b"") -> bytes:
    """Return a member: its header and its padded content."""
    return header(name, len(content)) + padded(content)


def record(key: str | bytes, value: str | bytes) -> bytes:
    """Return one record of a PAX header; its length includes its own digits."""
    key, value = (each if isinstance(each, bytes) else each.encode() for each in (key, value))
    text = b" %b=%b\n" % (key, value)
    length = next(n for n in range(len(text), len(text) + 9) if n == len(text) + len(str(n)))
    return str(length).encode() + text


def extension(records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """Return a PAX header with these records, for the member behind it (or, by its kind, for all)."""
    return header("pax", len(records), kind) + padded(records)


def extended(**records: str) -> bytes:
    """Return a PAX header, for the member behind it; `__` in a key is a dot."""
    return extension(b"".join(record(key.replace("__", "."), value) for key, value in records.items()))
