"""The comparison that runs every week, on a sample of what the archive holds. Called by the DAG `reconcile`."""

import logging
from contextlib import closing

from ingest.errors.types import DifferencesFound
from ingest.ledger.database import make_engine
from ingest.operations.reconcile.comparison import Comparison, Extent
from ingest.operations.reconcile.findings import Counts
from ingest.services import make_services
from ingest.settings.loading import load_settings

logger = logging.getLogger(__name__)


def reconcile() -> dict[str, int]:
    """Compare everything, and log what is wrong; gives how much was compared.

    Raises DifferencesFound when anything is wrong, ServiceUnavailable, DatabaseUnavailable.
    """
    settings = load_settings()
    engine, counts = make_engine(settings, pool_size=2), Counts()
    try:
        with closing(make_services(settings, engine)) as services:
            for finding in Comparison(settings, engine, services, Extent(), counts).findings():
                logger.error(finding.line())
    finally:
        engine.dispose()
    if counts.findings:
        raise DifferencesFound(f"ledger, archive and catalogue differ; the log says where: {counts.text()}")
    return counts.summary()
