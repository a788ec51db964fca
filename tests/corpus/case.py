"""The cases of the corpus: an upload and its expected end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import Rejection
from ingest.states.stages import Kind, Stage

# Writes the bundle or move document to a path; the sources of a move are in the folder `sources_beside(path)`.
Build = Callable[[Path], None]


@dataclass(frozen=True)
class Refused:
    """An upload that must be rejected.

    It ends at `stage` with `error`, whose text contains exactly the fault codes `faults`, and all of `says`, which name
    the member or entry and the remedy. The bounds are for the whole job: `seconds` of wall time, `mebibytes` of memory above
    a small valid bundle.
    """

    name: str
    build: Build
    stage: Stage
    error: type[Rejection]
    faults: tuple[FaultCode, ...]
    says: tuple[str, ...]
    kind: Kind = Kind.INGEST
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20.0
    mebibytes: int = 64


@dataclass(frozen=True)
class Accepted:
    """An unusual upload that must succeed; `contents` are those of the files that the archive must then hold."""

    name: str
    build: Build
    contents: tuple[bytes, ...]
    kind: Kind = Kind.INGEST
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20.0
    mebibytes: int = 64


Case = Refused | Accepted


def sources_beside(path: Path) -> Path:
    """Return the folder of the sources of a move, which is one of `move_folders`."""
    folder = path.parent.parent / "sources"
    folder.mkdir(exist_ok=True)
    return folder
