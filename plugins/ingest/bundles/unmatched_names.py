"""Reports members that the metadata does not list and listed files that are missing from the bundle.

Called by `ingest.ledger.file_comparison`, which reads them from the ledger. Where a member and a listed file have names
that look alike, the sentence shows both and their difference. Only as many names are kept as an error lists.
"""

from ingest.bundles.alike_names import differing, likeness
from ingest.bundles.macos_members import is_of_macos, shared_fault
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import MAX_LISTED, FaultList
from ingest.system.sanitize import quote_name

NamesByLikeness = dict[str, str]


class UnmatchedNames:
    """Collects the names that are only in the bundle or only in the metadata, in the order of the report."""

    def __init__(self) -> None:
        self._of_macos = shared_fault()
        self._kept: list[tuple[FaultCode, str]] = []
        self._counts = {FaultCode.MEMBER_UNLISTED: 0, FaultCode.FILE_LACKING: 0}
        # For each side, the first kept name of each likeness; for each name, the similar name on the other side.
        self._sides: dict[FaultCode, NamesByLikeness] = {fault: {} for fault in self._counts}
        self._counterparts: dict[tuple[FaultCode, str], str] = {}

    def add_member(self, path: str) -> None:
        """Add a member that the metadata does not list."""
        if is_of_macos(path):
            self._of_macos.add(quote_name(path))
        else:
            self._add(FaultCode.MEMBER_UNLISTED, FaultCode.FILE_LACKING, path)

    def add_file(self, path: str) -> None:
        """Add a file of the metadata that is missing from the bundle."""
        self._add(FaultCode.FILE_LACKING, FaultCode.MEMBER_UNLISTED, path)

    def report(self, faults: FaultList) -> None:
        """Add all names to the faults."""
        if self._of_macos:
            faults.add_shared(self._of_macos)
        for fault, path in self._kept:
            faults.add(fault, self._sentence(fault, path))
            self._counts[fault] -= 1
        for fault, count in self._counts.items():
            faults.count_more(fault, count)

    def _add(self, fault: FaultCode, opposite: FaultCode, path: str) -> None:
        self._counts[fault] += 1
        is_kept = len(self._kept) < MAX_LISTED
        if not is_kept and not self._sides[opposite]:
            return
        alike = likeness(path)
        other = self._sides[opposite].get(alike)
        if other is not None:
            self._counterparts.setdefault((fault, path), other)
            self._counterparts.setdefault((opposite, other), path)
        if is_kept:
            self._kept.append((fault, path))
            self._sides[fault].setdefault(alike, path)

    def _sentence(self, fault: FaultCode, path: str) -> str:
        if fault is FaultCode.MEMBER_UNLISTED:
            sentence = f"member {quote_name(path)} is not listed in the metadata"
        else:
            sentence = f"file {quote_name(path)} is listed in the metadata, but missing from the bundle"
        other = self._counterparts.get((fault, path))
        if other is None:
            return sentence
        pair = (path, other) if fault is FaultCode.MEMBER_UNLISTED else (other, path)
        return f"{sentence} (in the bundle and in the metadata {differing(*pair)})"
