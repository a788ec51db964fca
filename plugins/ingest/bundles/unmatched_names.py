"""Members that the metadata does not list, and files that the bundle lacks: each a fault, with the name that was meant.

Called by `ingest.ledger.files`, which reads them from the ledger. A member and a listed file whose names look alike are
shown with what they differ in. Only as many names are kept as are listed.
"""

from ingest.bundles.alike_names import differing, likeness
from ingest.bundles.macos_members import is_of_macos, shared_fault
from ingest.errors.fault_codes import Fault
from ingest.errors.fault_list import LISTED, Faults
from ingest.system.sanitize import printable

Side = dict[str, str]


class UnmatchedNames:
    """Collects the names that only one of bundle and metadata has, in the order in which they are to be listed."""

    def __init__(self) -> None:
        self._of_macos = shared_fault()
        self._kept: list[tuple[Fault, str]] = []
        self._counts = {Fault.MEMBER_UNLISTED: 0, Fault.FILE_LACKING: 0}
        # Of each side, the first name of each likeness that was kept; and for a kept name, the one of the other side.
        self._sides: dict[Fault, Side] = {fault: {} for fault in self._counts}
        self._meant: dict[tuple[Fault, str], str] = {}

    def add_member(self, path: str) -> None:
        """Add a member that the metadata does not list."""
        if is_of_macos(path):
            self._of_macos.add(printable(path))
        else:
            self._add(Fault.MEMBER_UNLISTED, Fault.FILE_LACKING, path)

    def add_file(self, path: str) -> None:
        """Add a file of the metadata that the bundle lacks."""
        self._add(Fault.FILE_LACKING, Fault.MEMBER_UNLISTED, path)

    def report(self, faults: Faults) -> None:
        """Add all of them to the faults."""
        if self._of_macos:
            faults.add_shared(self._of_macos)
        for fault, path in self._kept:
            faults.add(fault, self._sentence(fault, path))
            self._counts[fault] -= 1
        for fault, count in self._counts.items():
            faults.count_more(fault, count)

    def _add(self, fault: Fault, opposite: Fault, path: str) -> None:
        self._counts[fault] += 1
        is_kept = len(self._kept) < LISTED
        if not is_kept and not self._sides[opposite]:
            return
        alike = likeness(path)
        other = self._sides[opposite].get(alike)
        if other is not None:
            self._meant.setdefault((fault, path), other)
            self._meant.setdefault((opposite, other), path)
        if is_kept:
            self._kept.append((fault, path))
            self._sides[fault].setdefault(alike, path)

    def _sentence(self, fault: Fault, path: str) -> str:
        if fault is Fault.MEMBER_UNLISTED:
            sentence = f"member {printable(path)} is not listed in the metadata"
        else:
            sentence = f"file {printable(path)} is listed in the metadata, but the bundle lacks it"
        other = self._meant.get((fault, path))
        if other is None:
            return sentence
        pair = (path, other) if fault is Fault.MEMBER_UNLISTED else (other, path)
        return f"{sentence} (in the bundle and in the metadata {differing(*pair)})"
