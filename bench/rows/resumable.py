"""Resumable uploads by tus: one large part beside a plain POST, many small parts, and a part whose receiver is killed.

Each answered offset is on the disk. The limit is a bare socket whose bytes are written to a file and synced at the end of
each part (`systems.receiver`). As in the row `receiving`, the file that is sent is not a tar file.
"""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.client import TIMEOUT_SECONDS
from bench.measurements import Figures, Line, Measurements
from bench.rows.receiving import BYTES, JOB_SECONDS, MEGABYTE, RATE, temporary_file, upload_rate
from bench.systems import api_processes
from bench.systems.programs import running_server
from bench.systems.receiver import SIZES
from bench.testbed import CONSECUTIVE_RUNS, Testbed
from bench.tus_client import connected, resume

NAME = "resumable"
TITLE = "Receiving 1 GiB in resumable uploads"
LIMIT_LABEL = "socket to file, fsync for each part"
ROUNDS = 3
PART = 1024**2
SHARE_BEFORE_KILL = 0.9
CPU, KILL, AGAIN = "CPU time of the API", "from the kill to the last answer", "sent again"
PLAIN, SHARE = "plain POST", "share of the plain POST"
WITH_DIGEST, DIGEST_SHARE = "plain POST with a digest", "share of the plain POST with a digest"
WANTED_DIGEST = "Want-Repr-Digest: sha-256=1"
# All others are rates.
UNITS = {CPU: "s", KILL: "s", AGAIN: "MB", SHARE: "x", DIGEST_SHARE: "x"}
RATES = {RATE, PLAIN, WITH_DIGEST, SHARE, DIGEST_SHARE}
Address = tuple[str, int]


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the three cases."""
    testbed.this_service.stack("built-in")
    folder = testbed.folder / "received"
    folder.mkdir(exist_ok=True)
    with (
        temporary_file(testbed.folder / "sent", BYTES) as sent,
        running_server("bench.systems.receiver", str(folder)) as limit,
    ):
        service = _Service(testbed, sent)
        yield from _lines("one PATCH", testbed.compare(
            ROUNDS, service.measure_one_part, partial(limit_rate, limit, sent, BYTES), runs=CONSECUTIVE_RUNS
        ))  # fmt: skip
        yield from _lines(f"{BYTES // PART:,} PATCHes of 1 MiB", testbed.compare(
            ROUNDS, partial(service.measure_upload, PART), partial(limit_rate, limit, sent, PART), runs=CONSECUTIVE_RUNS
        ))  # fmt: skip
        yield from _lines(
            f"receiving process killed at {SHARE_BEFORE_KILL:.0%}", testbed.compare(ROUNDS, service.measure_kill)
        )


@dataclass(frozen=True)
class _Service:
    """This service, and the file that is sent to it; each method is one run."""

    testbed: Testbed
    sent: Path

    def measure_one_part(self) -> Figures:
        """Measure an upload in one part, and directly afterwards a plain POST, without and with a digest."""
        upload = self.measure_upload(BYTES)
        plain, with_digest = self._post(), self._post(WANTED_DIGEST)
        shares = {SHARE: upload[RATE] / plain, DIGEST_SHARE: with_digest / plain}
        return {**upload, PLAIN: plain, WITH_DIGEST: with_digest, **shares}

    def _post(self, header: str = "") -> float:
        rate = upload_rate(self.testbed.this_service.client(), self.sent, 1, header)[RATE]
        self.testbed.this_service.remove_bundles()
        return rate

    def measure_upload(self, part: int) -> Figures:
        """Measure an upload in parts of `part` bytes, from the first byte of its creation to the last answer."""
        used = self._cpu_seconds()
        with connected(self._address) as connection:
            begun = time.monotonic()
            upload = connection.create(BYTES)
            connection.send(upload, self.sent, 0, part)
            seconds = time.monotonic() - begun
        used = self._cpu_seconds() - used
        self._end(upload)
        return {RATE: BYTES / seconds / MEGABYTE, CPU: used}

    def measure_kill(self) -> Figures:
        """Kill the process that receives a part, and continue the upload."""
        count = int(BYTES * SHARE_BEFORE_KILL)
        with connected(self._address) as connection:
            upload = connection.create(BYTES)
            connection.begin_part(upload, self.sent, 0, BYTES, count)
            process = api_processes.receiving(self._launcher, self._address[1], connection.client_port)
            begun = time.monotonic()
            process.kill()
        offset = resume(self._address, upload, self.sent)
        seconds = time.monotonic() - begun
        self._end(upload)
        return {KILL: seconds, AGAIN: (count - offset) / MEGABYTE}

    @property
    def _address(self) -> Address:
        return self.testbed.this_service.client().address

    @property
    def _launcher(self) -> int:
        return self.testbed.this_service.launcher_id()

    def _cpu_seconds(self) -> float:
        return api_processes.cpu_seconds(api_processes.serving(self._launcher, self._address[1]))

    def _end(self, upload: str) -> None:
        """Wait until the upload's job has failed as expected, and remove its bundle."""
        with connected(self._address) as connection:
            job = connection.find_job(upload)
        self.testbed.this_service.client().wait_for_end(job, JOB_SECONDS)
        self.testbed.this_service.remove_bundles()


def limit_rate(address: Address, sent: Path, part: int) -> Figures:
    """Send a file to the bare receiver in parts; wait for each answer."""
    size = sent.stat().st_size
    with socket.create_connection(address, TIMEOUT_SECONDS) as connection, sent.open("rb") as file:
        begun = time.monotonic()
        connection.sendall(SIZES.pack(size, part))
        for begin in range(0, size, part):
            connection.sendfile(file, begin, min(part, size - begin))
            if not connection.recv(1):
                raise ConnectionError("the receiver closed the connection")
        seconds = time.monotonic() - begun
    return {RATE: size / seconds / MEGABYTE}


def _lines(case: str, measurements: Measurements) -> Iterator[Line]:
    """Yield a line for each quantity of a case."""
    for what, samples in measurements.samples.items():
        yield Line(f"{case}: {what}", UNITS.get(what, "MB/s"), samples, lower_is_better=what not in RATES)
