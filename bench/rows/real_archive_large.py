"""One file of 1 GiB into the real ArchiveInterface: the stage that sends it, and the whole job.

Ours by the ledger's events, the original by the states that it shows. The limit is a bare PUT to that archive, hashed as it
passes, with the question for the stored size after it.
"""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.bundles import bundle_in
from bench.contestants.copying import put_large
from bench.contestants.original import OriginalService
from bench.jobs import empty_core_archive, original_job, our_job
from bench.measuring import Figures, Line
from bench.stages import FILES, WHOLE
from bench.surroundings import RUNS_IN_A_ROW, Surroundings
from tools.pacifica_core.services import ARCHIVE

NAME = "real_archive_large"
TITLE = "One file of 1 GiB, real archive"
LIMIT_IS = "bare PUT, hashed, HEAD"
ROUNDS = 2
BYTES = 1024**3
MEGABYTE = 1e6
JOB_SECONDS = 180


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    core = bench.core()
    bench.ours.stack("core", core.settings())
    parsed = urlsplit(core.url(ARCHIVE))
    address = (str(parsed.hostname), int(parsed.port or 0))
    with bundle_in(bench.folder, 1, BYTES) as bundle:

        def ours() -> Figures:
            return _figures(bench, our_job(bench.ours, bundle, JOB_SECONDS))

        def original(service: OriginalService) -> Figures:
            return _figures(bench, original_job(service, bundle, JOB_SECONDS))

        def limit() -> Figures:
            begun = time.monotonic()
            put_large(address, bundle, BYTES)
            return _figures(bench, {FILES: time.monotonic() - begun})

        turns = bench.take_turns(ROUNDS, ours, limit, original, runs=RUNS_IN_A_ROW)
    yield Line("rate of the stage", "MB/s", turns.samples[FILES], lower_is_better=False)
    yield Line("whole job", "s", turns.samples[WHOLE])


def _figures(bench: Surroundings, seconds: dict[str, float]) -> Figures:
    empty_core_archive(bench.core())
    return {name: BYTES / took / MEGABYTE if name == FILES else took for name, took in seconds.items()}
