"""The log of the API and of gunicorn under it: to stderr, one line per record, which no client can forge.

Called by `api.wsgi` in each process of the server, and by gunicorn (`ServerLog`).
"""

import logging
from typing import TextIO

from gunicorn.glogging import Logger

from api.serving.log_limit import ClientLimit
from ingest.system.sanitize import OneLineFormatter

LOG_FORMAT = "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"


def configure_logging() -> None:
    """Configure the log of this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter(LOG_FORMAT))
    handler.addFilter(ClientLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's own log, which quotes what clients send, in the same form."""

    def _set_handler(
        self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: TextIO | None = None
    ) -> None:
        super()._set_handler(log, output, OneLineFormatter(fmt._fmt, fmt.datefmt), stream)
