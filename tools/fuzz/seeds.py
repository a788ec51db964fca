"""The first inputs of a fuzz target: good ones of every format, and ones close to a known flaw.

Called by the runner, and by the properties for something to mutate.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tools.bundles import Entry, file_entry, make_bundle, make_tar, metadata_of
from tools.fuzz.tar_blocks import extended, header, long_name, member, volume_label, with_times
from tools.tar_blocks import BLOCK, END

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
LONG_NAME_FORMATS = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
SMALL = {"data/a": b"aaa", "data/b/c": b"b" * (BLOCK + 1), "metadata.txt": b"[]"}


def tars() -> Iterator[bytes]:
    """Yield tars without most of the zeros at their end, so that mutations change something."""
    for tar in _tars():
        yield tar.rstrip(b"\0") + bytes(-len(tar.rstrip(b"\0")) % BLOCK) + END


def _tars() -> Iterator[bytes]:
    for tar_format in FORMATS:
        yield make_tar(SMALL, tar_format=tar_format)
        yield make_tar({f"data/{'p' * 100}/{'n' * 50}": b"x", "metadata.txt": b"[]"}, tar_format=tar_format)
        yield _with_folder(tar_format)
    for tar_format in LONG_NAME_FORMATS:
        yield make_tar({f"data/{'n' * 300}": b"x", "data/日本": b"y"}, tar_format=tar_format)
    yield make_bundle({"data/a": b"a"})
    file = header(b"data/a", 3) + b"aaa".ljust(BLOCK, b"\0")
    yield extended([(b"path", b"data/p"), (b"size", b"3"), (b"mtime", b"1.5")]) + file
    yield extended([(b"comment", b"c")], tarfile.XGLTYPE) + file
    yield long_name(b"data/" + b"l" * 200) + file
    yield extended([(b"path", b"data/p")]) + long_name(b"data/l") + file
    yield member(b"data/old/", kind=tarfile.AREGTYPE) + file
    yield member(b"data/c", b"c", tarfile.CONTTYPE) + file
    yield from _of_other_tars(file)


def _of_other_tars(file: bytes) -> Iterator[bytes]:
    """Yield tars with types that only GNU tar, Solaris' tar, .NET and others write."""
    yield volume_label(b"run 7") + file
    yield extended([(b"path", b"data/p"), (b"comment", b"c")], tarfile.SOLARIS_XHDTYPE) + file
    yield header(b"data/", 4096, tarfile.DIRTYPE) + file
    yield header(b"data/", 0, tarfile.DIRTYPE) + with_times(file)
    yield with_times(member(b"data/", b"Ya\0\0", b"D")) + file
    yield member(b"data/a", b"rest", b"M") + file
    yield member(b"././@LongLink", b"data/n\0", b"N") + file
    yield extended([(b"GNU.volume.filename", b"data/a"), (b"GNU.volume.size", b"3")], tarfile.XGLTYPE) + file


def _with_folder(tar_format: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        tar.addfile(tarfile.TarInfo("./data/a"))
    return buffer.getvalue()


def documents() -> Iterator[bytes]:
    """Yield metadata and move documents."""
    contents = {"data/a/one.txt": b"one", "data/日本": b""}
    yield json.dumps(metadata_of(contents)).encode()
    yield json.dumps(metadata_of(contents), ensure_ascii=False, indent=1).encode()
    yield json.dumps([file_entry("data/a", b"a", source="/srv/a")]).encode()
    yield json.dumps([_named("data/data", "b/c"), _named("", "./d")]).encode()
    for hash_type, length in (("md5", 32), ("sha512", 128)):
        yield json.dumps(
            [file_entry("data/a", b"a", hashtype=hash_type, hashsum=f"{hash_type}:{'A' * length}")]
        ).encode()
    values: list[object] = [0, -1, 1.5, -0.0, 2**63 - 1, True, None, "", '\u202e\x1b\n\\/"', [], {}, [[{"": [1]}]]]
    yield json.dumps([{"destinationTable": "T", "value": value} for value in values]).encode()
    yield b'[ {"destinationTable" : "\\u0041\\ud83d\\ude00\\n", "value": [1e3, -2E-1, 0.10]}\t\r\n]'
    yield b"[]"


def _named(subdir: str, name: str) -> Entry:
    return file_entry("data/x", b"x", subdir=subdir, name=name)


def write_seeds(folder: Path, seeds: Iterator[bytes]) -> None:
    """Write each seed to a separate file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:03}").write_bytes(seed)
