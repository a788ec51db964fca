"""A list of what is wrong with an upload, so that the uploader learns of all faults at once.

Called by what reads bundles and metadata; the list is bounded, because an upload may have a million faults.
"""

from ingest.errors import Rejection

LISTED = 100


class Faults:
    """The faults that were found so far; only the first hundred are kept, the others are counted."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, text: str) -> None:
        """Add a fault: one sentence, without a full stop, that names what it is about."""
        self._count += 1
        if len(self._texts) < LISTED:
            self._texts.append(text)

    def raise_as(self, error: type[Rejection]) -> None:
        """Raise the error with all faults in its text; do nothing when there are none."""
        if not self._count:
            return
        more = self._count - len(self._texts)
        raise error("; ".join(self._texts) + (f"; and {more} more" if more else ""))
