"""The entry points for WSGI servers: `api.wsgi` with its `application`, or `api.wsgi:create()` in each process.

`pacifica-ingest` (`api.server`) calls `create` after its fork. Other servers load `application`, which is created by the
first request of each process: importing this module reads and opens nothing, so forked processes share nothing.
"""

import json
import logging
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from flask import Flask

from api.access.authentication import unchecked
from api.answer_headers import ALWAYS
from api.app import create_app
from api.receiving.upload_slots import UploadSlots
from api.serving.logs import configure_logging
from ingest.errors.types import ConfigurationError
from ingest.operations.notify.notifier import Notifier
from ingest.settings.loading import load_settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)
_creation_lock = Lock()


def create(upload_slots: UploadSlots | None = None) -> Flask:
    """Create the application from the settings of the environment, and send notifications; raises ConfigurationError.

    `upload_slots` as in `api.app.create_app`.
    """
    configure_logging()
    settings = load_settings()
    for warning in unchecked(settings):
        logger.warning(warning)
    Notifier(settings).start()
    return create_app(settings, upload_slots)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Handle a request. Other servers start with invalid settings, so each request reports them."""
    try:
        with _creation_lock:
            app = _application()
    except ConfigurationError as error:
        logger.error("%s", error.text)  # noqa: TRY400 - the traceback adds nothing
        return _refuse(error, start_response)
    return app(environ, start_response)


@cache
def _application() -> Flask:
    return create()


def _refuse(error: ConfigurationError, start_response: "StartResponse") -> Iterable[bytes]:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    line = f"{status.value} {status.phrase}"
    document = {"code": error.code, "message": "a setting is invalid; see the log", "status": line}
    body = json.dumps(document).encode()
    start_response(line, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *ALWAYS.items()])
    return [body]
