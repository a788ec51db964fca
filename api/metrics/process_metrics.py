"""Metrics that the processes of this server count themselves: requests, and the server's own requests to services.

They begin at 0 when the server starts, which Prometheus expects. The processes share them by files
(`api.metrics.process_files`); without these files, the metrics are those of one process.
"""

import os
import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

from api.metrics.families import PREFIX
from api.metrics.process_files import FOLDER_VARIABLE
from ingest.services import request_counts

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600)
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
# The labels of requests that clients choose freely, so that they cannot create any number of metrics.
OTHER_METHOD, NO_ROUTE = "other", "none"


class ProcessMetrics:
    """The metrics of an application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: CollectorRegistry | None = self.registry
        # The library chooses when it is imported, which is before the server creates the folder.
        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
        if folder := os.environ.get(FOLDER_VARIABLE):
            MultiProcessCollector(self.registry, folder)  # type: ignore[no-untyped-call]
            own = None
        self._requests = Counter(
            f"{PREFIX}http_requests", "Requests that were answered.", ("method", "route", "status"), registry=own
        )
        self._durations = Histogram(
            f"{PREFIX}http_request_duration_seconds",
            "Durations of requests, until the head of the answer.",
            ("method", "route"),
            buckets=BOUNDS,
            registry=own,
        )
        self._service_requests = Histogram(
            f"{PREFIX}api_request_duration_seconds",
            "Durations of the requests of the API to services, until the head of the answer.",
            ("service", "method", "status"),
            buckets=request_counts.BOUNDS,
            registry=own,
        )

    def register(self, app: Flask) -> None:
        """Count the requests of an application; call it before any other function is registered."""

        def begin() -> None:
            g.began = time.monotonic()

        def count(response: Response) -> Response:
            method = request.method if request.method in METHODS else OTHER_METHOD
            route = request.url_rule.rule if request.url_rule else NO_ROUTE
            self._requests.labels(method, route, str(response.status_code)).inc()
            self._durations.labels(method, route).observe(time.monotonic() - g.began)
            return response

        app.before_request(begin)
        app.after_request(count)

    def observe_service(self, service: str, method: str, status: str, seconds: float) -> None:
        """Count a request to a service."""
        self._service_requests.labels(service, method, status).observe(seconds)
