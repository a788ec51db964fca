"""Files that are not a tar."""

import bz2
import gzip
import io
import lzma
import zipfile

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Stage
from tests.corpus.archive_cases.builders import blocks, refused
from tests.corpus.case import Case, Refused
from tools.bundles import make_bundle
from tools.tar_blocks import END

BUNDLE = make_bundle({"data/one": b"one"})


def zipped() -> bytes:
    """Return a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("data/one", "one")
    return buffer.getvalue()


def compressed(name: str, content: bytes) -> Case:
    """Return a file with the signature of a program."""
    says = f"the bundle is compressed ({name}); send the uncompressed tar"
    return refused(f"compressed by {name}", blocks(content), FaultCode.TAR_COMPRESSED, says)


def no_tar(name: str, content: bytes) -> Case:
    """Return a case of a file that is not a tar."""
    says = "the bundle is not a tar; make a tar of data/ and metadata.txt"
    return refused(name, blocks(content), FaultCode.TAR_UNREADABLE, says)


CASES: list[Case] = [
    compressed("gzip", gzip.compress(BUNDLE)),
    compressed("bzip2", bz2.compress(BUNDLE)),
    compressed("xz", lzma.compress(BUNDLE)),
    compressed("zstd", b"\x28\xb5\x2f\xfd" + BUNDLE),
    compressed("lz4", b"\x04\x22\x4d\x18" + BUNDLE),
    compressed("zip", zipped()),
    compressed("7z", b"7z\xbc\xaf\x27\x1c" + BUNDLE),
    no_tar("text", b"this is no tar\n" * 100),
    no_tar("metadata without a tar", b'[{"destinationTable": "Files"}]'.ljust(2000)),
    no_tar("cpio", b"070701" + b"0" * 2000),
    no_tar("first header with a wrong checksum", bytes([BUNDLE[0] ^ 1]) + BUNDLE[1:]),
    no_tar("tar that begins in its middle", BUNDLE[300:]),
    refused("one byte", blocks(b"x"), FaultCode.TAR_CUT, "it ends at byte 1"),
    Refused(
        "tar of nothing but an end mark",
        blocks(END),
        Stage.LOAD_METADATA,
        InvalidMetadata,
        (FaultCode.METADATA_MISSING,),
        ("the bundle has no metadata.txt",),
    ),
]
