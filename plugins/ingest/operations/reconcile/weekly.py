"""The weekly comparison, which hashes a sample of the archive. Called by the DAG `reconcile`."""

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
    """Compare everything and log the differences; return the counts.

    Raises DifferencesFound when there is a difference, ServiceUnavailable, DatabaseUnavailable.
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
        raise DifferencesFound(f"ledger, archive and catalog differ; the log says where: {counts.text()}")
    return counts.summary()
