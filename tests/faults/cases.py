"""The jobs whose processes are killed: each kind of job, its bundle or move document, and its expected end."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ingest.archiving.batches import BATCH_FILES
from tools.bundles import Entry, file_entry, make_bundle, transaction
from tools.stack import Stack

WRONG_SUM = "0" * 40
BLOCK = 1024 * 1024
# Two batches, and one file that is sent in several blocks.
MANY = {f"data/many/{number:03}.txt": b"%d\n" % number * number for number in range(BATCH_FILES + 20)}
CONTENTS = {**MANY, "data/long.bin": bytes(range(256)) * (5 * BLOCK // 256)}
# Not part of the job, because the stack runs with `unlisted_members = skip`.
UNLISTED = {"data/._one.txt": b"resource fork", "data/many/.DS_Store": b"view of a folder"}
SOURCES = {f"run/{name}.raw": name.encode() * 1000 for name in ("one", "two", "three")}


@dataclass(frozen=True)
class Case:
    """A failpoint, the number of passes before the process is killed there, and the kind of the job."""

    point: str
    job: str
    passes: int = 0

    def __str__(self) -> str:
        return f"{self.job}-{self.point}" + (f"-after-{self.passes}" if self.passes else "")


@dataclass(frozen=True)
class Kind:
    """A kind of job: a function that posts it, and its contents; `failed_at` is the label of the stage that rejects it."""

    post: Callable[[Stack, Path], int]
    contents: dict[str, bytes] = field(default_factory=dict)
    failed_at: str | None = None


def bundle(contents: dict[str, bytes], entries: Iterable[Entry] | bytes | None = None) -> Callable[[Stack, Path], int]:
    """Return a function that posts a bundle, with correct metadata unless `entries` are passed."""
    metadata = entries if entries is None or isinstance(entries, bytes) else list(entries)
    body = make_bundle(contents, metadata)
    return lambda stack, _folder: stack.post(body)


def move(contents: dict[str, bytes], wrong: str | None = None) -> Callable[[Stack, Path], int]:
    """Return a function that writes sources and posts their move; `wrong` is a path with a wrong hash."""

    def post(stack: Stack, folder: Path) -> int:
        for path, content in contents.items():
            source = folder / path
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(content)
        document = declared_move(contents, folder, wrong)
        return stack.post(json.dumps(document).encode(), "/move", "application/json")

    return post


def declared_move(contents: dict[str, bytes], folder: Path, wrong: str | None = None) -> list[Entry]:
    """Return the move document of the sources in a folder; `wrong` is a path with a wrong hash."""
    files = []
    for path, content in contents.items():
        changes = {"hashsum": WRONG_SUM} if path == wrong else {}
        files.append(file_entry(f"data/{path}", content, source=str(folder / path), **changes))
    return [*transaction(), *files]


def declared(contents: dict[str, bytes], *more: Entry, wrong: str | None = None) -> list[Entry]:
    """Return the metadata of contents, with further entries, and with a wrong hash of one file."""
    files = [file_entry(path, content) for path, content in contents.items() if path != wrong]
    if wrong:
        files.append(file_entry(wrong, contents[wrong], hashsum=WRONG_SUM))
    return [*transaction(), *more, *files]


ONE = {"data/one.txt": b"one\n"}
LAST = max(MANY)
# The built-in catalog accepts everything that load_metadata accepts, so the test forbids this entry.
REFUSED_BY_CATALOG = {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": "refused"}
REFUSE = "ALTER TABLE catalogue_entry ADD CHECK (coalesce(entry->>'value', '') <> 'refused')"

KINDS = {
    "bundle": Kind(bundle(CONTENTS), CONTENTS),
    "bundle with more than is listed": Kind(bundle(CONTENTS | UNLISTED, declared(CONTENTS)), CONTENTS),
    "move": Kind(move(SOURCES), SOURCES),
    "bundle that is no tar": Kind(lambda stack, _folder: stack.post(b"no tar" * 1000), ONE, "open tar"),
    "bundle without JSON": Kind(bundle(ONE, b"{"), ONE, "load metadata"),
    "bundle without a project": Kind(bundle(ONE, declared(ONE)[:1] + declared(ONE)[2:]), ONE, "Policy Validation"),
    "bundle with a wrong hash": Kind(bundle(MANY, declared(MANY, wrong=LAST)), MANY, "ingest files"),
    "bundle that the catalogue refuses": Kind(
        bundle(MANY, declared(MANY, REFUSED_BY_CATALOG)), MANY, "ingest metadata"
    ),
    "move with a wrong hash": Kind(move(SOURCES, wrong="run/three.raw"), SOURCES, "move files"),
}
