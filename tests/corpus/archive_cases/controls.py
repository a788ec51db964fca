"""Unusual bundles that are accepted."""

import json
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.corpus.archive_cases.builders import accepted, blocks, listing
from tests.corpus.case import Accepted, Build, Case
from tools.bundles import CONTENTS, make_bundle, make_tar, metadata_of
from tools.fuzz.tar_blocks import volume_label
from tools.tar_blocks import END, extended, extension, file, header, record

ONE = file("data/one", b"one")
METADATA = listing(one=b"one")
INNER_TAR = make_tar({"/etc/passwd": b"root", "data/one": b"other"})


def small(path: Path) -> None:
    """Write the smallest possible bundle."""
    make_bundle({"data/one": b"one"}, path=path)


def in_format(tar_format: int) -> Build:
    """Return a bundle written by Python's tarfile."""

    def build(path: Path) -> None:
        make_tar({**CONTENTS, "metadata.txt": json.dumps(metadata_of(CONTENTS)).encode()}, path, tar_format)

    return build


def by_gnu_tar(tar_format: str, *options: str) -> Build:
    """Return a bundle written by GNU tar, with folders."""

    def build(path: Path) -> None:
        contents = {"data/a/one": b"one"}
        with TemporaryDirectory() as folder:
            (Path(folder) / "data/a").mkdir(parents=True)
            (Path(folder) / "data/a/one").write_bytes(b"one")
            (Path(folder) / "metadata.txt").write_text(json.dumps(metadata_of(contents)))
            command = ["tar", "--create", f"--format={tar_format}", f"--file={path}", *options, "data", "metadata.txt"]
            subprocess.run(command, check=True, timeout=20, cwd=folder)

    return build


CASES: list[Case] = [
    Accepted("good small bundle", small, (b"one",)),
    *(
        accepted(f"Python's {name} format", in_format(tar_format), *CONTENTS.values())
        for name, tar_format in (
            ("PAX", tarfile.PAX_FORMAT),
            ("GNU", tarfile.GNU_FORMAT),
            ("USTAR", tarfile.USTAR_FORMAT),
        )
    ),
    *(
        accepted(f"GNU tar's {tar_format} format", by_gnu_tar(tar_format), b"one")
        for tar_format in ("gnu", "oldgnu", "posix", "ustar", "v7")
    ),
    *(
        accepted(f"GNU tar's {tar_format} format with a label", by_gnu_tar(tar_format, "--label=run 7"), b"one")
        for tar_format in ("gnu", "oldgnu", "posix")
    ),
    accepted("GNU tar, incremental", by_gnu_tar("posix", "--listed-incremental=snapshot"), b"one"),
    accepted("metadata first", blocks(METADATA, ONE, END), b"one"),
    accepted(
        "metadata between two files",
        blocks(ONE, listing(one=b"one", two=b"two"), file("data/two", b"two"), END),
        b"one",
        b"two",
    ),
    accepted("end mark of one block", blocks(ONE, METADATA, bytes(512)), b"one"),
    accepted("end mark of two megabytes", blocks(ONE, METADATA, bytes(2 * 1024**2 + 1)), b"one"),
    accepted(
        "tar within the tar",
        blocks(file("data/x.tar", INNER_TAR), listing(**{"x.tar": INNER_TAR}), END),
        INNER_TAR,
    ),
    accepted(
        "metadata of another bundle below data",
        blocks(file("data/metadata.txt", b"[{}]"), listing(**{"metadata.txt": b"[{}]"}), END),
        b"[{}]",
    ),
    accepted("PAX size that is right", blocks(extended(size="3"), ONE, METADATA, END), b"one"),
    accepted(
        "PAX path in place of the header's", blocks(extended(path="data/one"), file("x", b"one"), METADATA, END), b"one"
    ),
    accepted(
        "global header with a comment, as git writes it",
        blocks(extension(record("comment", "0" * 40), b"g"), ONE, METADATA, END),
        b"one",
    ),
    accepted(
        "folders of every kind",
        blocks(header("data/", kind=b"5"), header("data/old/", kind=b"\0"), ONE, METADATA, END),
        b"one",
    ),
    accepted("folder that claims its size on a disk", blocks(header("data/", 4096, b"5"), ONE, METADATA, END), b"one"),
    accepted("volume label", blocks(header("run 7", 0, b"V"), ONE, METADATA, END), b"one"),
    accepted("volume label of GNU tar, with blank fields", blocks(volume_label(b"run 7"), ONE, METADATA, END), b"one"),
    accepted(
        "PAX header of Solaris' tar",
        blocks(extension(record("path", "data/one"), b"X"), file("x", b"one"), METADATA, END),
        b"one",
    ),
    accepted("file of no bytes", blocks(file("data/none"), listing(none=b""), END), b""),
    Accepted(
        "names that differ in case, where that is allowed",
        blocks(file("data/A", b"1"), file("data/a", b"2"), listing(A=b"1", a=b"2"), END),
        (b"1", b"2"),
        environment={"INGEST_REFUSE_AMBIGUOUS_NAMES": "false"},
    ),
]
