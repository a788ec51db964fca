"""A list of what is wrong with an upload, so that the uploader learns of all faults at once.

Called by what reads bundles and metadata; the list is bounded, because an upload may have a million faults.
"""

from ingest.errors.fault_codes import FaultCode, with_code
from ingest.errors.types import Rejection

MAX_LISTED = 100


class SharedFault:
    """One fault of many things, in one sentence that lists their names: only the first hundred, the others are counted."""

    def __init__(self, fault: FaultCode, beginning: str, advice: str) -> None:
        self.fault = fault
        self._beginning = beginning
        self._advice = advice
        self._names: list[str] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, shown: str) -> None:
        """Add a thing by its name, as it is to be shown."""
        self._count += 1
        if len(self._names) < MAX_LISTED:
            self._names.append(shown)

    def __str__(self) -> str:
        """Return the sentence with its code."""
        more = self._count - len(self._names)
        listed = ", ".join(self._names) + (f" and {more} more" if more else "")
        return with_code(f"{self._beginning}: {listed}; {self._advice}", self.fault)


class FaultList:
    """The faults that were found so far; only the first hundred are kept, the others are counted.

    `kinds` are the codes of all of them.
    """

    def __init__(self) -> None:
        self.kinds: set[FaultCode] = set()
        self._texts: list[str | SharedFault] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, fault: FaultCode, sentence: str) -> None:
        """Add a fault: its code, and one sentence, without a full stop, that names what it is about."""
        self._append(sentence, fault)

    def add_shared(self, shared: SharedFault) -> None:
        """Add a fault of many things; what is added to it later is listed too."""
        self._count += 1
        self.kinds.add(shared.fault)
        # Whatever was found before it: it stands for many.
        self._texts.insert(0, shared)

    def count_more(self, fault: FaultCode, count: int) -> None:
        """Count faults of one code for which no sentence is kept; do nothing when there are none."""
        if count:
            self._count += count
            self.kinds.add(fault)

    def take(self, error: Rejection, beginning: str = "") -> None:
        """Add a fault that was raised as an error; `beginning` says what it is about where the error does not."""
        self._append(beginning + error.sentence, error.fault)

    def raise_as(self, error: type[Rejection]) -> None:
        """Raise the error with all faults in its text; do nothing when there are none."""
        if not self._count:
            return
        more = self._count - len(self._texts)
        raise error("; ".join(map(str, self._texts)) + (f"; and {more} more" if more else ""))

    def _append(self, sentence: str, fault: FaultCode | None) -> None:
        self._count += 1
        if fault:
            self.kinds.add(fault)
        if len(self._texts) < MAX_LISTED:
            self._texts.append(with_code(sentence, fault))
