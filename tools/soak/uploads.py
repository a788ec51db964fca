"""The uploads of a soak: upload number N of a seed is always the same, so that the comparison can recreate it.

Called by the uploaders, which send it, and by the comparison, which recreates it.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from ingest.states.stages import Kind, Stage
from tools.bundles import Entry, make_bundle, metadata_of

KILOBYTE, MEGABYTE = 1000, 1000_000
# How often, how many files, and how large a file may be.
SHAPES = (
    (60, (1, 8), 50 * KILOBYTE),
    (25, (10, 100), 20 * KILOBYTE),
    (3, (500, 2000), 200),
    (12, (1, 3), 10 * MEGABYTE),
)
EMPTY = 0.1
MOVE, BAD, CUT = 0.12, 0.12, 0.04
# Long enough that the kill of an API often meets an upload.
LONGEST_SECONDS = 6
NAMES = ("plain.txt", "with space.dat", "測定.raw", "Größe.bin", "🔬.tif", "名" * 60, "long " * 40)
LOST = "data/lost.txt"


class Mistake(StrEnum):
    """A mistake of an uploader: the job must fail and leave nothing."""

    NO_TAR = "no tar"
    NO_JSON = "metadata that is no JSON"
    LOST_FILE = "a listed file that is missing"
    REFUSED = "a project that policy refuses"
    WRONG_HASH = "a wrong hash"

    def stage(self, kind: Kind) -> Stage:
        """Return the stage that a job with this mistake fails at."""
        sending = Stage.MOVE_FILES if kind is Kind.MOVE else Stage.INGEST_FILES
        stages = {Mistake.NO_TAR: Stage.OPEN_TAR, Mistake.REFUSED: Stage.VALIDATE_POLICY, Mistake.WRONG_HASH: sending}
        return stages.get(self, Stage.LOAD_METADATA)


# The API refuses move documents that are not JSON; a missing source is another kind of mistake.
MISTAKES = {Kind.INGEST: tuple(Mistake), Kind.MOVE: (Mistake.REFUSED, Mistake.WRONG_HASH)}


@dataclass(frozen=True)
class Upload:
    """One upload: its files by path with their sizes, and its mistake, if any.

    `cut`: the client disconnects in the middle; `seconds`: the time that the client takes to send it.
    """

    seed: int
    number: int
    kind: Kind
    mistake: Mistake | None
    cut: bool
    seconds: float
    files: tuple[tuple[str, int], ...]

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path and the content of each file."""
        for position, (path, size) in enumerate(self.files):
            yield path, Random(f"{self.seed}-{self.number}-{position}").randbytes(size)

    def sources(self, home: Path) -> Path:
        """Return the folder of the sources of a move."""
        return home / "move" / _folder(self.number)

    def source(self, path: str, home: Path) -> Path:
        """Return the path of one source of a move."""
        return home / "move" / path.removeprefix("data/")


def upload(seed: int, number: int) -> Upload:
    """Return the upload with this number."""
    chance = Random(f"{seed}-{number}")
    kind = Kind.MOVE if chance.random() < MOVE else Kind.INGEST
    mistake = chance.choice(MISTAKES[kind]) if chance.random() < BAD else None
    cut, seconds = chance.random() < CUT, chance.uniform(0, LONGEST_SECONDS)
    return Upload(seed, number, kind, mistake, cut, seconds, tuple(_files(chance, number)))


def number_of(path: str) -> int:
    """Return the number of the upload that a path belongs to."""
    return int(path.removeprefix("data/").split("/")[0])


def body(made: Upload, home: Path) -> bytes:
    """Return the body to post: a bundle, or a move document, after writing its sources."""
    contents = dict(made.contents())
    entries = _entries(made, contents)
    if made.kind is Kind.MOVE:
        for path, content in contents.items():
            source = made.source(path, home)
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(content)
        return json.dumps([_with_source(entry, made, home) for entry in entries]).encode()
    if made.mistake is Mistake.NO_TAR:
        return b"this is no tar " * (tarfile.RECORDSIZE // 15)
    return make_bundle(contents, b"{not json" if made.mistake is Mistake.NO_JSON else entries)


def _entries(made: Upload, contents: dict[str, bytes]) -> list[Entry]:
    listed = {**contents, LOST: b"lost"} if made.mistake is Mistake.LOST_FILE else contents
    entries = metadata_of(listed)
    if made.mistake is Mistake.WRONG_HASH:
        # The hash of the last file, so that the others were sent and must be removed.
        entries[-1]["hashsum"] = "0" * 40
    if made.mistake is Mistake.REFUSED:
        # The real policy does not know the project; the built-in policy refuses two values.
        unknown = {"destinationTable": "Transactions.project", "value": "999z"}
        others = [entry for entry in entries if entry["destinationTable"] != "Transactions.project"]
        entries = [unknown, unknown, *others]
    return entries


def _with_source(entry: Entry, made: Upload, home: Path) -> Entry:
    if entry["destinationTable"] != "Files":
        return entry
    return {**entry, "source": str(made.source(f"{entry['subdir']}/{entry['name']}", home))}


def _files(chance: Random, number: int) -> Iterator[tuple[str, int]]:
    [(_, counts, largest)] = chance.choices(SHAPES, weights=[weight for weight, *_ in SHAPES])
    for position in range(chance.randint(*counts)):
        size = 0 if chance.random() < EMPTY else chance.randint(1, largest)
        yield f"data/{_folder(number)}/{position % 7}/{position:04} {chance.choice(NAMES)}", size


def _folder(number: int) -> str:
    return f"{number:06}"
