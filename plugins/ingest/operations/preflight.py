"""Check a metadata document without its bundle, as the stages `load_metadata` and `validate_policy` check it in a job.

Called by `api.routes.preflight`. The code of the stages runs on temporary tables, with placeholders instead of the ids of
UniqueID: Policy gets a document like that of a job, but does not use its ids. The bundle is assumed to hold exactly the
files that the document declares, with their declared sizes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from ingest.archiving.declarations import compare_moves, read_declarations
from ingest.archiving.file_ids import assign_missing_ids
from ingest.bundles.bundle import Section
from ingest.bundles.bundle_metadata import MetadataReader
from ingest.context import StageContext
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.ledger.file_comparison import ALIKE_DECLARED, find_ambiguous_paths
from ingest.ledger.files import totals
from ingest.ledger.job_snapshots import Received
from ingest.ledger.temporary_ledger import temporary_ledger
from ingest.services import Services
from ingest.services.uniqueid import IdMode
from ingest.settings.loading import Settings
from ingest.stages.validate_policy import validate_policy
from ingest.states.stages import Kind, Stage


@dataclass(frozen=True)
class Declared:
    """The number of files that an accepted document declares, and the sum of their sizes in bytes."""

    files: int
    size: int


def check_document(settings: Settings, services: Services, received: Received, document: BinaryIO) -> Declared:
    """Check a document as the stages of its job would; keep nothing.

    `received` describes the document as that of a job, whose id and spool name are not used. Raises the errors of the
    stages: InvalidMetadata with all faults, SubmitterMismatch, PolicyRejected, ServiceUnavailable, SubmittersUnavailable,
    DatabaseUnavailable, SpoolFull, SpoolUnavailable.
    """
    without_ids = replace(services, uniqueid=_Placeholders())
    with temporary_ledger(settings, received, Stage.LOAD_METADATA) as lease:
        context = _DocumentContext(settings, lease, without_ids, document)
        _load(context)
        declared = Declared(*totals(lease))
        validate_policy(context)
    return declared


def _load(context: StageContext) -> None:
    """Record the declared files with placeholders of their ids; raises InvalidMetadata with all faults."""
    lease, faults = context.lease, FaultList()
    ambiguous: dict[bool, FaultList] = {}

    def compare(reader: MetadataReader) -> None:
        if lease.job.record.kind is Kind.MOVE:
            compare_moves(context, reader.faults)
        elif context.settings.refuse_ambiguous_names:
            # Not among the reader's faults: `open_tar` reports them, before a document may be read in another way.
            found = ambiguous[reader.is_below_data] = FaultList()
            find_ambiguous_paths(lease, ALIKE_DECLARED, found)

    reader = read_declarations(context, compare)
    faults.add_all(ambiguous.get(reader.is_below_data, FaultList()))
    faults.add_all(reader.faults)
    faults.raise_as(InvalidMetadata)
    assign_missing_ids(context)


@dataclass(frozen=True)
class _DocumentContext(StageContext):
    """The context of a job without a bundle: its metadata is an open file."""

    document: BinaryIO

    @contextmanager
    def open_metadata(self) -> Iterator[Section]:
        """Open the document; several may read it simultaneously."""
        yield Section(self.document, 0, self.lease.job.received.size)


class _Placeholders:
    """Numbers in place of the ids of UniqueID, for files that get no id."""

    def __init__(self) -> None:
        self._next = 1

    def allocate(self, mode: IdMode, count: int) -> range:  # noqa: ARG002 - as the protocol says
        """Return `count` numbers that were not returned before."""
        start, self._next = self._next, self._next + count
        return range(start, self._next)
