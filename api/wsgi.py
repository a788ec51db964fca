"""What a WSGI server loads: `api.wsgi:create()`, called in each of its processes after the fork."""

import logging

from flask import Flask

from api.access.authentication import unchecked
from api.app import create_app
from api.serving.logs import write_log
from api.upload_slots import UploadSlots
from ingest.settings import load_settings

logger = logging.getLogger(__name__)


def create(upload_slots: UploadSlots | None = None) -> Flask:
    """Make the application from the settings of the environment; raises ConfigurationError.

    `upload_slots` as in `api.app.create_app`.
    """
    write_log()
    settings = load_settings()
    for sentence in unchecked(settings):
        logger.warning(sentence)
    return create_app(settings, upload_slots)
