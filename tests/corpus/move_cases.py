"""The cases of moves: faulty documents, and sources that cannot be moved."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata, InvalidSource, Rejection
from ingest.states.stages import Kind, Stage
from tests.corpus.case import Accepted, Build, Case, Refused, sources_beside
from tools.bundles import Entry, file_entry, transaction

CONTENT = b"moved"
ABSOLUTE = '"source" must be the absolute path of the file'


def entry(source: object, **changes: Any) -> Entry:
    """Return the entry of one file."""
    return file_entry("data/a", CONTENT, source=str(source) if isinstance(source, Path) else source, **changes)


def moving(*entries: Callable[[Path], Entry], prepare: Callable[[Path], object] = lambda _: None) -> Build:
    """Return a move document with entries made from the folder of sources, which contains the file `a`."""

    def build(path: Path) -> None:
        folder = sources_beside(path)
        (folder / "a").write_bytes(CONTENT)
        prepare(folder)
        path.write_text(json.dumps([*transaction(), *(make(folder) for make in entries)]))

    return build


def document(content: bytes) -> Build:
    """Return a document of these bytes."""

    def build(path: Path) -> None:
        path.write_bytes(content)

    return build


def refused(name: str, build: Build, fault: FaultCode, says: str, error: type[Rejection] = InvalidSource) -> Case:
    """Return a case that `move_files` refuses, or `load_metadata` if the metadata is faulty."""
    stage = Stage.LOAD_METADATA if error is InvalidMetadata else Stage.MOVE_FILES
    return Refused(f"move: {name}", build, stage, error, (fault,), (says,), kind=Kind.MOVE)


def malformed(name: str, source: object) -> Case:
    """Return a case of a source that is not an absolute path."""
    return refused(
        name, moving(lambda _: entry(source)), FaultCode.SOURCE_MALFORMED, f"entry 4 ('a'): {ABSOLUTE}", InvalidMetadata
    )


def of_folder(name: str) -> Callable[[Path], Entry]:
    """Return the entry of a source in the folder."""
    return lambda folder: entry(folder / name)


CASES: list[Case] = [
    Accepted("move: one file", moving(of_folder("a")), (CONTENT,), kind=Kind.MOVE),
    Accepted(
        "move: path with dots",
        moving(lambda folder: entry(f"{folder}/../{folder.name}//./a")),
        (CONTENT,),
        kind=Kind.MOVE,
    ),
    refused(
        "document is no list",
        document(b"{}"),
        FaultCode.METADATA_NOT_LIST,
        "must be a JSON list of objects",
        InvalidMetadata,
    ),
    refused(
        "document is an empty list", document(b"[]"), FaultCode.METADATA_EMPTY, "is an empty list", InvalidMetadata
    ),
    refused("document is cut", document(b"[{"), FaultCode.METADATA_CUT, "it ends in entry 0", InvalidMetadata),
    malformed("source missing", None),
    malformed("source empty", ""),
    malformed("source relative", "srv/a"),
    malformed("source that leads upwards", "../a"),
    malformed("source a URL", "file:///srv/a"),
    malformed("source in a list", ["/srv/a"]),
    malformed("source of 10,000 characters", "/" + "x" * 10_000),
    refused(
        "source with NUL",
        moving(lambda folder: entry(f"{folder}/a\0b")),
        FaultCode.TEXT_UNSTORABLE,
        r"a\x00b' contains NUL or half of a surrogate pair",
        InvalidMetadata,
    ),
    refused(
        "source twice",
        moving(of_folder("a"), lambda folder: entry(folder / "a", name="b")),
        FaultCode.SOURCE_LISTED_TWICE,
        "/sources/a' is listed twice in the metadata",
        InvalidMetadata,
    ),
    refused(
        "source twice in other words",
        moving(of_folder("a"), lambda folder: entry(f"{folder}/./a", name="b")),
        FaultCode.SOURCE_UNREADABLE,
        "/sources/a' cannot be read: No such file or directory",
    ),
    refused(
        "file twice",
        moving(of_folder("a"), of_folder("b"), prepare=lambda folder: (folder / "b").write_bytes(CONTENT)),
        FaultCode.FILE_LISTED_TWICE,
        "file 'a' is listed twice in the metadata",
        InvalidMetadata,
    ),
    refused(
        "source not there", moving(of_folder("b")), FaultCode.SOURCE_UNREADABLE, "/b' cannot be read: No such file"
    ),
    refused(
        "source outside",
        moving(lambda _: entry("/etc/hostname")),
        FaultCode.SOURCE_OUTSIDE_FOLDERS,
        "'/etc/hostname' lies in none",
    ),
    refused(
        "source that leads out",
        moving(lambda folder: entry(f"{folder}/../spool/a")),
        FaultCode.SOURCE_OUTSIDE_FOLDERS,
        "/spool/a' lies in none of the folders that files may be moved from",
    ),
    refused(
        "source in a folder whose name begins alike",
        moving(
            lambda folder: entry(f"{folder}-other/a"),
            prepare=lambda folder: folder.with_name(f"{folder.name}-other").mkdir(),
        ),
        FaultCode.SOURCE_OUTSIDE_FOLDERS,
        "/sources-other/a' lies in none",
    ),
    refused(
        "source behind a symbolic link to a folder outside",
        moving(of_folder("out/hostname"), prepare=lambda folder: (folder / "out").symlink_to("/etc")),
        FaultCode.SOURCE_OUTSIDE_FOLDERS,
        "/out/hostname' lies in none",
    ),
    refused(
        "source a symbolic link out of the folder",
        moving(of_folder("link"), prepare=lambda folder: (folder / "link").symlink_to("/etc/hostname")),
        FaultCode.SOURCE_UNREADABLE,
        "/link' cannot be read: Too many levels of symbolic links",
    ),
    refused(
        "source a symbolic link within the folder",
        moving(of_folder("link"), prepare=lambda folder: (folder / "link").symlink_to("a")),
        FaultCode.SOURCE_UNREADABLE,
        "/link' cannot be read: Too many levels of symbolic links",
    ),
    refused(
        "source a folder",
        moving(of_folder("folder"), prepare=lambda folder: (folder / "folder").mkdir()),
        FaultCode.SOURCE_NOT_REGULAR,
        "/folder' is not a regular file",
    ),
    refused(
        "source a FIFO",
        moving(of_folder("fifo"), prepare=lambda folder: os.mkfifo(folder / "fifo")),
        FaultCode.SOURCE_NOT_REGULAR,
        "/fifo' is not a regular file",
    ),
    refused(
        "source a device",
        moving(lambda _: entry("/dev/zero")),
        FaultCode.SOURCE_OUTSIDE_FOLDERS,
        "'/dev/zero' lies in none",
    ),
    refused(
        "source of another size",
        moving(lambda folder: entry(folder / "a", size=4)),
        FaultCode.SIZE_DIFFERS,
        "/a' has 5 bytes, the metadata declares 4",
    ),
    refused(
        "source of another hash",
        moving(lambda folder: entry(folder / "a", hashsum="0" * 40)),
        FaultCode.HASH_DIFFERS,
        "the metadata declares 0000000000000000000000000000000000000000",
    ),
    refused(
        "one good source, one that is not there",
        moving(of_folder("a"), lambda folder: entry(folder / "gone\x1b[2J", name="b")),
        FaultCode.SOURCE_UNREADABLE,
        r"/gone\x1b[2J' cannot be read",
    ),
]
