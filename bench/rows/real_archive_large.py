"""One file of 1 GiB into the real ArchiveInterface: the stage that sends it, and the whole job.

This service is timed by the ledger's events, the original service by its states. The limit is a bare PUT to that archive
with a hash, and a request for the stored size after it.
"""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.bundles import temporary_bundle
from bench.jobs import empty_core_archive, run_job, run_original_job
from bench.measurements import Figures, Line
from bench.stages import FILES, WHOLE
from bench.systems.copying import put_large
from bench.systems.original_service import OriginalService
from bench.testbed import CONSECUTIVE_RUNS, Testbed
from tools.pacifica_core.services import ARCHIVE

NAME = "real_archive_large"
TITLE = "One file of 1 GiB, real archive"
LIMIT_LABEL = "bare PUT, hashed, HEAD"
ROUNDS = 2
BYTES = 1024**3
MEGABYTE = 1e6
JOB_SECONDS = 180


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the stage and the whole job."""
    core = testbed.core()
    testbed.this_service.stack("core", core.settings())
    parsed = urlsplit(core.url(ARCHIVE))
    address = (str(parsed.hostname), int(parsed.port or 0))
    with temporary_bundle(testbed.folder, 1, BYTES) as bundle:

        def measure_this_service() -> Figures:
            return _figures(testbed, run_job(testbed.this_service, bundle, JOB_SECONDS))

        def measure_original(service: OriginalService) -> Figures:
            return _figures(testbed, run_original_job(service, bundle, JOB_SECONDS))

        def measure_limit() -> Figures:
            begun = time.monotonic()
            put_large(address, bundle, BYTES)
            return _figures(testbed, {FILES: time.monotonic() - begun})

        measurements = testbed.compare(
            ROUNDS, measure_this_service, measure_limit, measure_original, runs=CONSECUTIVE_RUNS
        )
    yield Line("rate of the stage", "MB/s", measurements.samples[FILES], lower_is_better=False)
    yield Line("whole job", "s", measurements.samples[WHOLE])


def _figures(testbed: Testbed, seconds: dict[str, float]) -> Figures:
    empty_core_archive(testbed.core())
    return {name: BYTES / took / MEGABYTE if name == FILES else took for name, took in seconds.items()}
