"""The differences that a comparison finds, and the counts of compared things.

Created by the other modules of `ingest.operations.reconcile`; printed by the command `reconcile`, logged by `weekly`.
"""

import logging
import time
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ingest.system.sanitize import quote_name, to_one_line

logger = logging.getLogger(__name__)
PROGRESS_SECONDS = 10.0

RESTORE_FILE = "restore it from a backup"
RESTORE_CATALOG = "restore the catalog from a backup"
SEND_BUNDLE = "send its bundle again: retry --path"
DELETE_FILE = "delete it: reconcile --delete-dark"
RETRY_JOB = "retry the job: if the transaction is the job's own, the job is then complete"
FIND_OWNER = "find out which system it belongs to"


class Problem(StrEnum):
    """The kinds of differences; `lost`, `dark` and `corrupt` are Rucio's terms."""

    LOST = "lost"
    CORRUPT = "corrupt"
    DARK = "dark"
    UNCATALOGED = "uncatalogued"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Finding:
    """One difference in words, and its remedy, which an admin carries out.

    - `path`: the file's path in the bundle, or in the archive's folder if it belongs to no job.
    - `ours`: this service certainly sent the dark file, so it may be deleted.
    """

    problem: Problem
    what: str
    remedy: str
    job_id: int | None = None
    file_id: int | None = None
    path: str | None = None
    ours: bool = False

    def line(self) -> str:
        """Return the finding as one line that is safe to print on a terminal."""
        named = (("job", self.job_id), ("file", self.file_id), ("path", self.path and quote_name(self.path)))
        where = ", ".join(f"{name} {value}" for name, value in named if value is not None)
        return to_one_line(f"{self.problem}: {where}: {self.what}; {self.remedy}")

    def document(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return asdict(self)


class Counts:
    """The numbers of compared things and of problems of each kind; logged every PROGRESS_SECONDS."""

    def __init__(self) -> None:
        self._compared = Counter(jobs=0, going_on=0, files=0, hashed=0, listed=0, deleted=0)
        self._found = Counter(dict.fromkeys(map(str, Problem), 0))
        self._logged = time.monotonic()

    def add(self, compared: str, number: int = 1) -> None:
        """Count compared things, by the name of their count."""
        self._compared[compared] += number
        if time.monotonic() - self._logged > PROGRESS_SECONDS:
            self._logged = time.monotonic()
            logger.info("compared so far: %s", self.text())

    def add_finding(self, finding: Finding) -> None:
        """Count a finding."""
        self._found[str(finding.problem)] += 1

    @property
    def findings(self) -> int:
        """The number of findings."""
        return self._found.total()

    def summary(self) -> dict[str, int]:
        """Return all numbers by their names."""
        return {**self._compared, **self._found}

    def text(self) -> str:
        """Return all numbers in one line."""
        return ", ".join(f"{name} {number}" for name, number in self.summary().items())
