"""The small cases of `tests/corpus` as first inputs of a fuzz target.

Called by the runner.
"""

import resource
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest.states.stages import Kind
from tests.corpus.cases import CASES

# A case that writes more is left out: a fuzzer wants small inputs.
LARGEST = 64 * 1024


def bundles() -> Iterator[bytes]:
    """Yield the bundles of the corpus."""
    yield from _built(Kind.INGEST)


def metadata() -> Iterator[bytes]:
    """Yield its move documents, and the metadata of its bundles."""
    yield from _built(Kind.MOVE)
    for bundle in _built(Kind.INGEST):
        if (document := _metadata_in(bundle)) is not None:
            yield document


def _built(kind: Kind) -> Iterator[bytes]:
    with TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            path = Path(folder) / str(number) / "upload"
            path.parent.mkdir()
            try:
                with _small_files_only():
                    case.build(path)
            except OSError:
                continue
            if case.kind is kind:
                yield path.read_bytes()


@contextmanager
def _small_files_only() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _metadata_in(bundle: bytes) -> bytes | None:
    """Find the metadata without a reader of tars, most of which refuse these bundles."""
    name = bundle.find(b"metadata.txt\0")
    if name < 0 or name % tarfile.BLOCKSIZE:
        return None
    begin = name + tarfile.BLOCKSIZE
    return bundle[begin:].split(b"\0", 1)[0]
