"""The log of the API and of gunicorn under it: to stderr, one line per record, which no client can forge.

Called by `api.wsgi` in each process of the server, and by gunicorn (`ServerLog`).
"""

import logging
import sys
import threading
from types import TracebackType
from typing import TextIO

from flask import has_request_context, request
from gunicorn.glogging import Logger

from api.serving.log_limit import ClientLimit
from ingest.settings.loading import load_log_settings
from ingest.settings.logs import JSON
from ingest.system.json_log import JsonFormatter
from ingest.system.sanitize import OneLineFormatter

LOG_FORMAT = "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"


JOB_ID = "job_id"

logger = logging.getLogger(__name__)


def configure_logging() -> None:
    """Configure the log of this process; raises ConfigurationError."""
    handler = logging.StreamHandler()
    as_json = is_json()
    handler.setFormatter(JsonFormatter(_request_fields) if as_json else OneLineFormatter(LOG_FORMAT))
    handler.addFilter(ClientLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if as_json:
        # Python would print them in several lines.
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_exception
        threading.excepthook = lambda end: _log_exception(end.exc_type, end.exc_value, end.exc_traceback)


def is_json() -> bool:
    """Return whether the log is JSON; raises ConfigurationError."""
    return load_log_settings().log_format == JSON


def _request_fields() -> dict[str, object]:
    """Return the request that a record is about: its method and route, and the job in its address."""
    if not has_request_context():
        return {}
    route = request.url_rule.rule if request.url_rule else None
    # Not converted yet, and not checked.
    job = str((request.view_args or {}).get(JOB_ID, ""))
    return {"method": request.method, "route": route, "job": int(job) if job.isascii() and job.isdigit() else None}


def _log_exception(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Log an exception that ends this process or a thread."""
    if error is not None and issubclass(kind, Exception):
        logger.critical("unexpected %s", kind.__name__, exc_info=(kind, error, trace))


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's own log, which quotes what clients send, in the same form."""

    def _set_handler(
        self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: TextIO | None = None
    ) -> None:
        formatter = JsonFormatter() if is_json() else OneLineFormatter(fmt._fmt, fmt.datefmt)
        super()._set_handler(log, output, formatter, stream)
