"""Whether the service lives and is ready: `GET /healthz`, `GET /readyz`, and `GET /` as in the original.

Load balancers and supervisors call these, without saying who they are.
"""

from flask import Response, jsonify

from api.access.roles import PROBES, PUBLIC
from api.probes.readiness import ReadinessCheck
from api.request_errors import NotReady
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes

routes = Routes("health", __name__)
# Each answer is of its moment.
UNCACHED = {"Cache-Control": "no-store"}


@routes.call("GET", "/healthz", operations.GET_HEALTH, PROBES)
def get_health() -> tuple[Response, dict[str, str]]:
    """Answer that this process serves; asks nobody else."""
    return jsonify(alive=True), UNCACHED


@routes.call("GET", "/readyz", operations.GET_READINESS, PROBES)
def get_readiness() -> tuple[Response, dict[str, str]]:
    """Answer the state of each part; raises NotReady when uploads are not taken now."""
    found = get_resources().get(ReadinessCheck).report()
    if not found.ready:
        reasons = [part.message for part in (found.database, found.spool) if not part.ready]
        raise NotReady("; ".join(reasons), found.model_dump(), UNCACHED)
    return jsonify(found.model_dump()), UNCACHED


@routes.call("GET", "/", operations.GET_ROOT, PUBLIC)
def get_root() -> Response:
    """Answer that the service is up, in the words of the original."""
    return jsonify(message="Pacifica Ingest Up and Running")
