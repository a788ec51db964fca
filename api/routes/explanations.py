"""Explain the code of an error: `GET /errors/<code>`, the address in the errors of RFC 9457."""

from flask import Response, jsonify

from api.access.roles import PUBLIC
from api.openapi.parameters import CodePath
from api.request_errors import NotFound
from api.routes import operations
from api.routes.registration import Routes
from ingest.errors.advice import Advice, advice_on

routes = Routes("explanations", __name__)


@routes.call("GET", "/errors/<code>", operations.EXPLAIN_ERROR, PUBLIC)
def explain(path: CodePath) -> Response:
    """Answer what a code means, who acts, and what to do; raises NotFound for an unknown code."""
    advice = advice_on(path.code)
    if advice == Advice():
        raise NotFound("no error has this code")
    return jsonify(
        code=path.code,
        explanation=advice.explanation,
        who_acts=list(advice.who_acts),
        what_to_do=advice.what_to_do,
    )
