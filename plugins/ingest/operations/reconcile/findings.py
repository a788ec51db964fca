"""What a comparison finds, and how much it has looked at."""

import logging
import time
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ingest.system.sanitize import quote_name, to_one_line

logger = logging.getLogger(__name__)
PROGRESS_SECONDS = 10.0

FROM_BACKUP = "restore it from a backup"
CATALOG_FROM_BACKUP = "restore the catalogue from a backup"
SEND_ANEW = "send its bundle anew: retry --path"
DELETE = "delete it: reconcile --delete-dark"
RETRY = "retry it: if the transaction is its own, it is complete then"
WHOSE = "find out whose it is"


class Problem(StrEnum):
    """How ledger, archive and catalogue differ; `lost`, `dark` and `corrupt` are Rucio's words."""

    LOST = "lost"
    CORRUPT = "corrupt"
    DARK = "dark"
    UNCATALOGED = "uncatalogued"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Finding:
    """One difference: what is wrong, and what an admin does about it.

    `path` is the file's in the bundle, or where it lies in the archive's folder when no job knows it. `ours` says that a
    dark file was surely sent by us, so that it may be deleted.
    """

    problem: Problem
    what: str
    remedy: str
    job_id: int | None = None
    file_id: int | None = None
    path: str | None = None
    ours: bool = False

    def line(self) -> str:
        """Give it as one line that does nothing to a terminal."""
        named = (("job", self.job_id), ("file", self.file_id), ("path", self.path and quote_name(self.path)))
        where = ", ".join(f"{name} {value}" for name, value in named if value is not None)
        return to_one_line(f"{self.problem}: {where}: {self.what}; {self.remedy}")

    def document(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return asdict(self)


class Counts:
    """How much was compared, and how much of each problem was found; the log tells of it on the way."""

    def __init__(self) -> None:
        self._compared = Counter(jobs=0, going_on=0, files=0, hashed=0, listed=0, deleted=0)
        self._found = Counter(dict.fromkeys(map(str, Problem), 0))
        self._told = time.monotonic()

    def add(self, compared: str, number: int = 1) -> None:
        """Count what was compared."""
        self._compared[compared] += number
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self._told = time.monotonic()
            logger.info("compared so far: %s", self.text())

    def add_finding(self, finding: Finding) -> None:
        """Count what was found."""
        self._found[str(finding.problem)] += 1

    @property
    def findings(self) -> int:
        """How much was found."""
        return self._found.total()

    def summary(self) -> dict[str, int]:
        """Give all numbers by their names."""
        return {**self._compared, **self._found}

    def text(self) -> str:
        """Give all numbers in one line."""
        return ", ".join(f"{name} {number}" for name, number in self.summary().items())
