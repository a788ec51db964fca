"""Invariants of the preflight of any document, on a real ledger; a violation is an AssertionError.

Called by the fuzz target `preflight`. The oracle is the reader of metadata alone, without ledger and Policy:

- An accepted document has no fault in one of its readings, declares each path once, and has as many files and bytes as
  preflight says.
- A document is refused for its metadata only if it has a fault in the documented reading, or names a path or a source twice.
- A refusal is an error that the uploader must fix, whose sentences fit on a line.
"""

import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from ingest.bundles.bundle_metadata import MetadataReader
from ingest.bundles.metadata_entries import DeclaredFile
from ingest.errors.types import InvalidMetadata, Rejection
from ingest.ledger.database import make_engine
from ingest.ledger.job_snapshots import Received
from ingest.operations.preflight import check_document
from ingest.services import Services, make_services
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tools.fuzz.memory_file import MemoryFile
from tools.fuzz.metadata_oracle import JOB

USER = "fuzz"


@contextmanager
def preflight_oracle(database_url: str, spool: Path) -> Iterator["PreflightOracle"]:
    """Connect an oracle to a ledger; only checks that Policy makes need it, because a check has a connection of its own."""
    settings = Settings(database_url=database_url, volume_path=spool)
    engine = make_engine(settings)
    try:
        with closing(make_services(settings, engine)) as services, MemoryFile() as file:
            yield PreflightOracle(settings, services, file)
    finally:
        engine.dispose()


@dataclass(frozen=True)
class PreflightOracle:
    """The oracle of one process."""

    settings: Settings
    services: Services
    file: MemoryFile

    def check(self, document: bytes) -> bool:
        """Check a document as metadata or as a move document, which its bytes decide; return whether it is accepted."""
        kind = list(Kind)[zlib.crc32(document) % len(Kind)]
        received = Received(JOB, kind, USER, "", len(document))
        self.file.write(document)
        try:
            with self.file.path.open("rb") as opened:
                declared = check_document(self.settings, self.services, received, opened)
        except Rejection as error:
            _check_refusal(document, kind, error)
            return False
        totals = [(len(files), sum(file.size or 0 for file in files)) for files in _readings(document, kind)]
        assert (declared.files, declared.size) in totals, f"{declared} was accepted, and the readings have {totals}"
        return True


def _readings(document: bytes, kind: Kind) -> Iterator[list[DeclaredFile]]:
    """Yield the files of each reading that has no fault and declares each path once."""
    for below_data in (False, True) if kind is Kind.INGEST else (False,):
        files = _files(MetadataReader(BytesIO(document), kind, JOB, below_data=below_data))
        if files is not None and len({file.path for file in files}) == len(files):
            yield files


def _files(reader: MetadataReader) -> list[DeclaredFile] | None:
    try:
        files = list(reader.files())
    except InvalidMetadata:
        return None
    return None if reader.faults else files


def _check_refusal(document: bytes, kind: Kind, error: Rejection) -> None:
    sentences = [error.text, *(fault.sentence for fault in error.faults)]
    assert all(sentence and sentence.isprintable() for sentence in sentences), f"{sentences} do not fit on a line"
    if isinstance(error, InvalidMetadata):
        reader = MetadataReader(BytesIO(document), kind, JOB)
        files = _files(reader)
        assert files is None or reader.has_file_values or _is_ambiguous(files), f"{error.text} is no fault of {files}"


def _is_ambiguous(files: list[DeclaredFile]) -> bool:
    """Return whether two files have the same path where case and form of letters do not count, or the same source."""
    paths = {unicodedata.normalize("NFC", file.path.casefold()) for file in files}
    sources = {file.source for file in files if file.source is not None}
    return len(paths) < len(files) or 0 < len(sources) < len(files)
