"""What a WSGI server loads: `api.wsgi:create()`, called in each of its processes after the fork."""

import logging

from flask import Flask

from api.app import create_app
from ingest.settings import load_settings

LOG_FORMAT = "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"


def create() -> Flask:
    """Make the application from the settings of the environment; raises ConfigurationError."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    return create_app(load_settings())
