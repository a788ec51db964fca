"""Health: `GET /healthz`, `GET /readyz`, and `GET /` as in the original service.

For load balancers and supervisors, which call these without credentials.
"""

from flask import Response, jsonify

from api.access.roles import PROBES, PUBLIC
from api.probes.readiness import ReadinessCheck
from api.request_errors import NotReady
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes

routes = Routes("health", __name__)
# An answer describes one moment.
UNCACHED = {"Cache-Control": "no-store"}


@routes.call("GET", "/healthz", operations.GET_HEALTH, PROBES)
def get_health() -> tuple[Response, dict[str, str]]:
    """Answer that this process is alive; depends on no other service."""
    return jsonify(alive=True), UNCACHED


@routes.call("GET", "/readyz", operations.GET_READINESS, PROBES)
def get_readiness() -> tuple[Response, dict[str, str]]:
    """Answer the state of each part; raises NotReady when uploads would be refused."""
    readiness = get_resources().get(ReadinessCheck).report()
    if not readiness.ready:
        reasons = [part.message for part in (readiness.database, readiness.spool) if not part.ready]
        raise NotReady("; ".join(reasons), readiness.model_dump(), UNCACHED)
    return jsonify(readiness.model_dump()), UNCACHED


@routes.call("GET", "/", operations.GET_ROOT, PUBLIC)
def get_root() -> Response:
    """Answer that the service is up, with the text of the original service."""
    return jsonify(message="Pacifica Ingest Up and Running")
