"""The regular files of a tar, as three readers see them: ours, Python's and GNU tar.

Each returns a list of path and content, in the order of the tar, so that the results can be compared. The readers share
only the names `data` and `metadata.txt`. Called by the properties and by the fuzz target.
"""

import ast
import re
import subprocess
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ingest.bundles.bundle import members, open_section
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle

# The path below data/ (None for metadata.txt) and the content. The path names any other kind of member.
Read = list[tuple[str | None, bytes]]

# A tar of some kilobytes cannot hold more; stops a reader in an endless loop.
MOST_MEMBERS = 10_000
# Types that are not files: folders, and the label of a tar, which `tarfile` reads as a member of an unknown type.
VOLUME_LABEL = b"V"
NO_FILES = (b"d", VOLUME_LABEL)
# The types of regular files in the listing; contiguous files (type 7) are regular files.
REGULAR = (b"-", b"C")
SECONDS = 10
GNU_TAR = ("tar", "--extract", "--to-stdout", "-vv", "--full-time", "--numeric-owner", "--absolute-names")
LISTED_MEMBER = re.compile(rb'(?P<type>[^t\s])\S{9,10} \S+ +(?P<size>[\d,]+) .*?"(?P<name>(?:[^"\\]|\\.)*)"')


def read_by_us(path: Path) -> Read:
    """Read with `ingest.bundles.bundle`; raises InvalidBundle, and AssertionError for an endless loop."""
    faults = FaultList()
    found = list(islice(members(path, faults), MOST_MEMBERS + 1))
    assert len(found) <= MOST_MEMBERS, "our reader is in an endless loop"
    faults.raise_as(InvalidBundle)
    return [(member.path, _section(path, member.offset, member.size)) for member in found]


def _section(path: Path, offset: int, size: int) -> bytes:
    with open_section(path, offset, size) as section:
        content = section.read()
    assert len(content) == size, f"a member claims {size} bytes and has {len(content)}"
    return content


def read_by_python(path: Path) -> Read:
    """Read with `tarfile`, and raise its errors."""
    with tarfile.open(path, "r:", encoding="utf-8") as tar:
        return [_by_python(tar, info) for info in islice(tar, MOST_MEMBERS + 1) if not _is_no_file(info)]


def _is_no_file(info: tarfile.TarInfo) -> bool:
    return info.isdir() or info.type == VOLUME_LABEL


def _by_python(tar: tarfile.TarFile, info: tarfile.TarInfo) -> tuple[str | None, bytes]:
    file = tar.extractfile(info) if info.isreg() and not info.issparse() else None
    if file is None:
        return f"{info.type!r} {info.name!r}", b""
    return plain(info.name), file.read()


def read_by_gnu_tar(tar: bytes) -> Read:
    """Read with the program; ignore its errors, because it continues after them."""
    command = [*GNU_TAR, "--quoting-style=c", "--file=-"]
    done = subprocess.run(command, input=tar, capture_output=True, timeout=SECONDS, check=False, env={"LC_ALL": "C"})
    return list(_listed(done.stderr, done.stdout))


def _listed(listing: bytes, contents: bytes) -> Iterator[tuple[str | None, bytes]]:
    for line in listing.splitlines():
        match = LISTED_MEMBER.match(line)
        if match is None or match["type"] in NO_FILES:
            continue
        # GNU tar escapes names as in C; Python literals have the same escapes.
        name = ast.literal_eval(f'b"{match["name"].decode()}"').decode("utf-8", "surrogateescape")
        if match["type"] not in REGULAR:
            yield f"{match['type']!r} {name!r}", b""
            continue
        size = int(match["size"])
        content, contents = contents[:size], contents[size:]
        yield plain(name), content
    if contents:
        yield "contents of no member", contents


def plain(name: str) -> str | None:
    """Return None for metadata.txt, the path below data/, or a text for any other name."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if parts == ["metadata.txt"]:
        return None
    return "/".join(parts[1:]) if parts[:1] == ["data"] else f"outside of data/: {name!r}"
