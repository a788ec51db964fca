"""Metrics of the parts that an API process sees itself: the database, the spool, Airflow, and the slots of uploads."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from api.metrics.families import gauge
from api.openapi.schemas import Readiness
from api.probes.readiness import ReadinessCheck
from api.receiving.upload_slots import UploadSlots


class PartCollector(Collector):
    """What `GET /readyz` reports, and the slots of this server, counted over its processes."""

    def __init__(self, readiness: ReadinessCheck, slots: UploadSlots) -> None:
        self._readiness = readiness
        self._slots = slots

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; called for each scrape. Takes up to 3 seconds while a part does not respond."""
        readiness = self._readiness.report()
        parts = {("database",): readiness.database, ("spool",): readiness.spool, ("airflow",): readiness.airflow}
        ready = {labels: part.ready for labels, part in parts.items()}
        yield gauge("part_ready", "Whether a part works, as GET /readyz reports it.", ("part",), ready)
        yield from _spool(readiness)
        yield gauge(
            "upload_slots", "The uploads that this server receives simultaneously at most.", (), {(): self._slots.count}
        )
        yield gauge("upload_slots_used", "The uploads that this server receives now.", (), {(): self._slots.used()})


def _spool(readiness: Readiness) -> Iterator[Metric]:
    spool = readiness.spool
    sizes = {
        "spool_free_bytes": ("The free space of the spool.", spool.bytes_free),
        "spool_kept_free_bytes": ("The free space that uploads leave (`spool_kept_free`).", spool.bytes_kept_free),
        "spool_reserved_bytes": ("The free space that uploads in progress have reserved.", spool.bytes_promised),
    }
    for name, (text, size) in sizes.items():
        # Unknown while the spool does not respond.
        yield gauge(name, text, (), {} if size is None else {(): size})
