"""All metrics of `GET /metrics`, in the text format of Prometheus. Made by `api.app`, called by `api.routes.metrics`."""

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from api.metrics.ledger_metrics import LedgerCollector
from api.metrics.part_metrics import PartCollector
from api.metrics.process_metrics import ProcessMetrics

__all__ = ["CONTENT_TYPE", "Exposition"]


class Exposition:
    """The metrics of the ledger, of the parts, and of the processes."""

    def __init__(self, ledger: LedgerCollector, parts: PartCollector, processes: ProcessMetrics) -> None:
        self._registry = processes.registry
        self._registry.register(ledger)
        self._registry.register(parts)

    def text(self) -> bytes:
        """Return the metrics as they are now."""
        return generate_latest(self._registry)
