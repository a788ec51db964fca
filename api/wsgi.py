"""What a WSGI server loads: `api.wsgi` and its `application`, or `api.wsgi:create()` in each of its processes.

`pacifica-ingest` (`api.server`) calls `create` after its fork. Other servers take `application`, which is made by the first
request of each process, so that nothing is read or opened by the import, nor shared by what is forked after it.
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
from api.serving.logs import write_log
from ingest.errors.types import ConfigurationError
from ingest.settings.loading import load_settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)
_making = Lock()


def create(upload_slots: UploadSlots | None = None) -> Flask:
    """Make the application from the settings of the environment; raises ConfigurationError.

    `upload_slots` as in `api.app.create_app`.
    """
    write_log()
    settings = load_settings()
    for sentence in unchecked(settings):
        logger.warning(sentence)
    return create_app(settings, upload_slots)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer a request; wrong settings are an error of each, because other servers start without them."""
    try:
        with _making:
            made = _application()
    except ConfigurationError as error:
        logger.error("%s", error.text)  # noqa: TRY400 - the text says it all
        return _refuse(error, start_response)
    return made(environ, start_response)


@cache
def _application() -> Flask:
    return create()


def _refuse(error: ConfigurationError, start_response: "StartResponse") -> Iterable[bytes]:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    line = f"{status.value} {status.phrase}"
    document = {"code": error.code, "message": "a setting is wrong; the log says which", "status": line}
    body = json.dumps(document).encode()
    start_response(line, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *ALWAYS.items()])
    return [body]
