"""The contents of archive and catalog, read directly: of the built-in services, and of the real ones.

Called by the comparison.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from tools import stack_contents
from tools.pacifica_core import contents as core_contents
from tools.pacifica_core.core import Core
from tools.stack_contents import stored_names

CatalogFiles = dict[str, dict[str, Any]]


class Holdings(Protocol):
    """The contents of both at the end."""

    def cataloged(self, job_id: int) -> CatalogFiles | None:
        """Return the catalog's files of a job by their path below `data/`; None when it does not hold the transaction."""
        ...

    def stored(self) -> dict[str, int | None]:
        """Return the ids of all files in the archive's folder by their names; None for a file that is not complete."""
        ...


@dataclass(frozen=True)
class BuiltIn:
    """The built-in services of a stack."""

    home: Path
    engine: Engine

    def cataloged(self, job_id: int) -> CatalogFiles | None:
        """See `Holdings.cataloged`."""
        return stack_contents.cataloged(self.engine, job_id)

    def stored(self) -> dict[str, int | None]:
        """See `Holdings.stored`."""
        return {name: _number(name.rpartition("/")[2], 10) for name in stored_names(self.home)}


@dataclass(frozen=True)
class Real:
    """The real services."""

    core: Core

    def cataloged(self, job_id: int) -> CatalogFiles | None:
        """See `Holdings.cataloged`."""
        return core_contents.cataloged(self.core, job_id)

    def stored(self) -> dict[str, int | None]:
        """See `Holdings.stored`."""
        names = core_contents.stored(self.core)
        return {name: _number(name.rpartition("/")[2].removeprefix("file."), 16) for name in names}


def _number(digits: str, base: int) -> int | None:
    try:
        return int(digits, base)
    except ValueError:
        return None
