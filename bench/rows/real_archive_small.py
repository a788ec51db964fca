"""1,000 files of 4 KiB into the real ArchiveInterface: one process of a single thread, and four behind a plain TCP proxy.

This service is timed by the ledger's events, the original service by its states. The limit of the files is bare PUTs without
verification, over one connection or four. The time of policy and metadata is mostly that of the real services.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.bundles import temporary_bundle
from bench.jobs import empty_core_archive, run_job, run_original_job
from bench.measurements import Figures, Line
from bench.stages import FILES, METADATA, POLICY, WHOLE
from bench.systems.copying import put_small
from bench.systems.four_archives import PROCESSES, four_archives
from bench.systems.original_service import OriginalService
from bench.testbed import Testbed
from tools.pacifica_core.services import ARCHIVE

NAME = "real_archive_small"
TITLE = "1,000 files of 4 KiB, real archive"
LIMIT_LABEL = "bare PUTs"
ROUNDS = 3
COUNT, BYTES = 1000, 4096
JOB_SECONDS = 120


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure with one archive process and with four."""
    core = testbed.core()
    with temporary_bundle(testbed.folder, COUNT, BYTES) as bundle:
        testbed.this_service.stack("core", core.settings())
        yield from _lines(testbed, bundle, "one archive", 1)
        testbed.this_service.stack("core", {**core.settings(), "INGEST_ARCHIVE_CONNECTIONS": str(PROCESSES)})
        with four_archives(core):
            yield from _lines(testbed, bundle, "four archives", PROCESSES)


def _lines(testbed: Testbed, bundle: Path, archives: str, connections: int) -> Iterator[Line]:
    core = testbed.core()
    parsed = urlsplit(core.url(ARCHIVE))
    address, content = (str(parsed.hostname), int(parsed.port or 0)), os.urandom(BYTES)

    def measure_this_service() -> Figures:
        return run_job(testbed.this_service, bundle, JOB_SECONDS)

    def measure_original(service: OriginalService) -> Figures:
        return run_original_job(service, bundle, JOB_SECONDS)

    def measure_limit() -> Figures:
        begun = time.monotonic()
        put_small(address, content, COUNT, connections)
        return {FILES: time.monotonic() - begun}

    measurements = testbed.compare(ROUNDS, measure_this_service, measure_limit, measure_original)
    empty_core_archive(core)
    for what in (FILES, POLICY, METADATA, WHOLE):
        yield Line(f"{archives}: {what}", "s", measurements.samples[what])
