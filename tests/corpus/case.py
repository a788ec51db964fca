"""What a case of the corpus is: an upload, and how it must end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import Rejection
from ingest.states.stages import Kind, Stage

# Writes the bundle, or the move document, to a path. Sources of a move go to the folder `sources_beside(path)`.
Build = Callable[[Path], None]


@dataclass(frozen=True)
class Refused:
    """An upload that must end with an error of the uploader.

    It ends at `stage` with `error`, whose text holds exactly the fault codes `faults`, and each of `says`: which member or
    entry, and what to mend. Bounds are of the whole job: `seconds` of wall time, `mebibytes` over a good small bundle.
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
    """An upload that looks odd and must end well; `contents` are those of the files that the archive must then hold."""

    name: str
    build: Build
    contents: tuple[bytes, ...]
    kind: Kind = Kind.INGEST
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20.0
    mebibytes: int = 64


Case = Refused | Accepted


def sources_beside(path: Path) -> Path:
    """The folder that the sources of a move lie in, which is one of `move_folders`."""
    folder = path.parent.parent / "sources"
    folder.mkdir(exist_ok=True)
    return folder
