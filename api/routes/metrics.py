"""Metrics for Prometheus: `GET /metrics`. docs/reference/metrics.md describes them."""

from flask import Response

from api.access.roles import SCRAPERS
from api.metrics.exposition import CONTENT_TYPE, Exposition
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes

routes = Routes("metrics", __name__)


@routes.call("GET", "/metrics", operations.GET_METRICS, SCRAPERS)
def get_metrics() -> Response:
    """Answer all metrics."""
    text = get_resources().get(Exposition).text()
    return Response(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
