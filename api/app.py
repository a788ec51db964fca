"""The Flask application. Made by `api.wsgi` in each process of the WSGI server, and by tests."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask
from flask_openapi3 import OpenAPI

from api import answer_headers, error_handlers, request_spans
from api.access import auth, sites
from api.access.authentication import make_authentication
from api.metrics.exposition import Exposition
from api.metrics.ledger_metrics import LedgerCollector
from api.metrics.part_metrics import PartCollector
from api.metrics.process_metrics import ProcessMetrics
from api.openapi.document import document
from api.polling.announced_polls import announcer
from api.polling.batched_reads import BatchedReads
from api.polling.job_changes import JobChanges, read_fingerprints
from api.polling.merkle_roots import MerkleRoots
from api.polling.recent_obstacles import RecentObstacles
from api.polling.recent_runs import RecentRuns
from api.probes.readiness import ReadinessCheck
from api.receiving.resumable.opening import FileNames, find
from api.receiving.upload_slots import UploadSlots
from api.resources import EXTENSION, Resources, resources_of
from api.routes import (
    bundles,
    docs,
    explanations,
    health,
    job_actions,
    job_contents,
    jobs,
    metrics,
    pages,
    preflight,
    receipts,
    state,
    uploads,
)
from api.serving.poll_queue import ANNOUNCE
from ingest.ledger.database import make_engine, make_probe
from ingest.orchestrator.client import AirflowApi
from ingest.pages.overview import OverviewReader
from ingest.receipts.keys import read_keys
from ingest.services import make_services
from ingest.settings.loading import Settings

# In the order of their descriptions in the OpenAPI document.
RESOURCES = (
    bundles,
    uploads,
    preflight,
    state,
    jobs,
    job_contents,
    job_actions,
    receipts,
    explanations,
    health,
    metrics,
    docs,
    pages,
)
# Each thread of the server may wait for a connection, but few hold one at the same moment.
DATABASE_CONNECTIONS = 10
# Prometheus waits for ten seconds, including the check of the parts.
SCRAPE_TIMEOUT_SECONDS = 5


class Application(OpenAPI):
    """The Flask application, whose functions are all synchronous."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is; Flask would inspect ten functions in each request."""
        return func


def create_app(settings: Settings, upload_slots: UploadSlots | None = None, airflow: AirflowApi | None = None) -> Flask:
    """Create the application; nothing connects before the first request.

    `upload_slots` are shared with the other processes of the API; by default the application has its own. `airflow` is by
    default the client that the settings describe.
    """
    app = Application("api", static_folder=None, doc_ui=False, **document(settings))
    processes = ProcessMetrics()
    slots = upload_slots or UploadSlots(settings.uploads_at_once)
    app.extensions[EXTENSION] = _make_resources(settings, slots, airflow or AirflowApi(settings), processes)
    app.extensions[ANNOUNCE] = announcer(resources_of(app).get(BatchedReads))
    # By default Flask answers an address with two slashes with a redirect, in HTML.
    app.url_map.merge_slashes = False
    for resource in RESOURCES:
        app.register_api(resource.routes)
    # In this order: all requests are counted; one of another site is refused before its caller is authenticated.
    processes.register(app)
    sites.register(app)
    auth.register(app, make_authentication(settings))
    request_spans.register(app)
    answer_headers.register(app)
    error_handlers.register(app)
    return app


def _make_resources(
    settings: Settings, upload_slots: UploadSlots, airflow: AirflowApi, processes: ProcessMetrics
) -> Resources:
    if settings.receipt_key_folder is not None:
        # Checked at the start, when an admin sees it.
        read_keys(settings.receipt_key_folder)
    engine = make_engine(settings, pool_size=DATABASE_CONNECTIONS)
    services = make_services(settings, engine, processes.observe_service)
    resources = Resources(settings, engine, services, airflow)
    obstacles = RecentObstacles(airflow)
    readiness = ReadinessCheck(settings, airflow, obstacles.current)
    ledger = LedgerCollector(make_probe(settings, SCRAPE_TIMEOUT_SECONDS))
    resources.register(
        RecentRuns(airflow, on_end=partial(state.keep_end, engine)),
        obstacles,
        BatchedReads(engine),
        JobChanges(partial(read_fingerprints, resources)),
        FileNames(partial(find, resources)),
        MerkleRoots(engine),
        readiness,
        OverviewReader(settings, engine, airflow),
        upload_slots,
        Exposition(ledger, PartCollector(readiness, upload_slots), processes),
    )
    return resources
