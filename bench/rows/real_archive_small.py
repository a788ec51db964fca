"""1,000 files of 4 KiB into the real ArchiveInterface: one process of a single thread, and four behind a plain TCP proxy.

Ours by the ledger's events, the original by the states that it shows. The limit of the files is bare PUTs, over one
connection or four, unverified. Policy and metadata take their share whoever asks them.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.bundles import bundle_in
from bench.contestants.copying import put_small
from bench.contestants.four_archives import PROCESSES, four_archives
from bench.contestants.original import OriginalService
from bench.jobs import empty_core_archive, original_job, our_job
from bench.measuring import Figures, Line
from bench.stages import FILES, METADATA, POLICY, WHOLE
from bench.surroundings import Surroundings
from tools.pacifica_core.services import ARCHIVE

NAME = "real_archive_small"
TITLE = "1,000 files of 4 KiB, real archive"
LIMIT_IS = "bare PUTs"
ROUNDS = 3
COUNT, BYTES = 1000, 4096
JOB_SECONDS = 120


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure both."""
    core = bench.core()
    with bundle_in(bench.folder, COUNT, BYTES) as bundle:
        bench.ours.stack("core", core.settings())
        yield from _lines(bench, bundle, "one archive", 1)
        bench.ours.stack("core", {**core.settings(), "INGEST_ARCHIVE_CONNECTIONS": str(PROCESSES)})
        with four_archives(core):
            yield from _lines(bench, bundle, "four archives", PROCESSES)


def _lines(bench: Surroundings, bundle: Path, archives: str, connections: int) -> Iterator[Line]:
    core = bench.core()
    parsed = urlsplit(core.url(ARCHIVE))
    address, content = (str(parsed.hostname), int(parsed.port or 0)), os.urandom(BYTES)

    def ours() -> Figures:
        return our_job(bench.ours, bundle, JOB_SECONDS)

    def original(service: OriginalService) -> Figures:
        return original_job(service, bundle, JOB_SECONDS)

    def limit() -> Figures:
        begun = time.monotonic()
        put_small(address, content, COUNT, connections)
        return {FILES: time.monotonic() - begun}

    turns = bench.take_turns(ROUNDS, ours, limit, original)
    empty_core_archive(core)
    for what in (FILES, POLICY, METADATA, WHOLE):
        yield Line(f"{archives}: {what}", "s", turns.samples[what])
