"""The OpenAPI document at `/openapi.json`, and a page at `/docs` that shows it.

The page is Swagger UI, whose scripts come from a wheel. It loads nothing from other servers, and its policy forbids it.
"""

import hashlib
import json
from base64 import b64encode
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import cast

import flask_openapi3_swagger
from flask import Response, current_app, request
from flask_openapi3 import OpenAPI
from werkzeug.security import safe_join

from api.access.roles import PUBLIC
from api.request_errors import NotFound
from api.routes.registration import Routes

# Without `validatorUrl`, Swagger UI would send the document to a validator of its vendor.
SCRIPT = """
SwaggerUIBundle({
  url: "openapi.json", dom_id: "#page", deepLinking: true, defaultModelsExpandDepth: 0, validatorUrl: null
})
"""
PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pacifica Ingest</title>
<link rel="icon" href="docs/images/swagger.svg">
<link rel="stylesheet" href="docs/css/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. The document that it shows is <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/js/swagger-ui-bundle.js"></script>
<script>{SCRIPT}</script>
</body>
</html>
"""
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    f"script-src 'self' 'sha256-{b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DOCUMENT = "openapi document"
# The scripts of the wheel, served below `/docs/`.
SCRIPTS = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"

routes = Routes("docs", __name__)


@routes.undocumented("/docs", PUBLIC)
def get_page() -> Response:
    """Answer the page."""
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": POLICY})


@routes.undocumented("/docs/<path:filename>", PUBLIC, endpoint="static")
def get_file(filename: str) -> Response:
    """Answer a file of the page; raises NotFound."""
    path = safe_join(str(SCRIPTS), filename)
    if path is None or not Path(path).is_file():
        raise NotFound("the page has no such file")
    content, digest = _read(path)
    response = Response(content, mimetype=guess_type(path)[0])
    response.cache_control.no_cache = True
    response.set_etag(digest)
    response.make_conditional(request)
    return response


@cache
def _read(path: str) -> tuple[bytes, str]:
    # Cached, so that slow clients share one copy.
    content = Path(path).read_bytes()
    return content, hashlib.sha256(content).hexdigest()


@routes.undocumented("/openapi.json", PUBLIC)
def get_document() -> Response:
    """Answer the document."""
    extensions = current_app.extensions
    if DOCUMENT not in extensions:
        # Not by jsonify, which would sort the keys: the page shows them in this order. One copy for all clients.
        extensions[DOCUMENT] = json.dumps(cast(OpenAPI, current_app).api_doc).encode()
    return Response(extensions[DOCUMENT], mimetype="application/json")
