"""What a WSGI server loads: `api.wsgi:create()`, called in each of its processes after the fork."""

from flask import Flask

from api.app import create_app
from api.logs import write_log
from ingest.settings import load_settings


def create() -> Flask:
    """Make the application from the settings of the environment; raises ConfigurationError."""
    write_log()
    return create_app(load_settings())
