"""A list of the faults of an upload, so that the uploader learns of all faults in one try.

Used by the readers of bundles and metadata. The list is bounded, because an upload may have a million faults.
"""

from ingest.errors.fault_codes import Fault, FaultCode
from ingest.errors.types import Rejection

MAX_LISTED = 100


class SharedFault:
    """One fault of many members or files, in one sentence that lists the first hundred names and counts the others."""

    def __init__(self, fault: FaultCode, subject: str, advice: str) -> None:
        self.fault = fault
        self._subject = subject
        self._advice = advice
        self._names: list[str] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, shown: str) -> None:
        """Add a quoted name."""
        self._count += 1
        if len(self._names) < MAX_LISTED:
            self._names.append(shown)

    def to_fault(self) -> Fault:
        """Return the fault with the names that were added so far."""
        more = self._count - len(self._names)
        listed = ", ".join(self._names) + (f" and {more} more" if more else "")
        return Fault(self.fault, f"{self._subject}: {listed}; {self._advice}")


class FaultList:
    """The faults of an upload; only the first hundred are kept, the others are counted.

    `kinds` are the codes of all faults.
    """

    def __init__(self) -> None:
        self.kinds: set[FaultCode] = set()
        self._listed: list[Fault | SharedFault] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, fault: FaultCode, sentence: str) -> None:
        """Add a fault: its code, and a sentence without a full stop that names the faulty member, file or entry."""
        self._append(sentence, fault)

    def add_shared(self, shared: SharedFault) -> None:
        """Add a shared fault; names that are added to it later are listed too."""
        self._count += 1
        self.kinds.add(shared.fault)
        # First in the list, because it represents many faults.
        self._listed.insert(0, shared)

    def count_more(self, fault: FaultCode, count: int) -> None:
        """Count faults of one code without keeping a sentence."""
        if count:
            self._count += count
            self.kinds.add(fault)

    def take(self, error: Rejection, prefix: str = "") -> None:
        """Add a fault that was raised as an error; `prefix` names its entry if the error does not."""
        self._append(prefix + error.sentence, error.fault)

    def add_all(self, other: "FaultList") -> None:
        """Add the faults of another list."""
        self._listed += other._listed[: max(MAX_LISTED - len(self._listed), 0)]
        self._count += other._count
        self.kinds |= other.kinds

    def raise_as(self, error: type[Rejection]) -> None:
        """Raise an error with all faults, also in its text; do nothing if there are none."""
        if not self._count:
            return
        faults = tuple(each.to_fault() if isinstance(each, SharedFault) else each for each in self._listed)
        more = self._count - len(faults)
        raised = error("; ".join(map(str, faults)) + (f"; and {more} more" if more else ""))
        raised.faults, raised.more_faults = faults, more
        raise raised

    def _append(self, sentence: str, fault: FaultCode | None) -> None:
        self._count += 1
        if fault:
            self.kinds.add(fault)
        if len(self._listed) < MAX_LISTED:
            self._listed.append(Fault(fault, sentence))
