"""What a WSGI server loads: `api.wsgi:create()`, called in each of its processes after the fork."""

from flask import Flask

from api.app import create_app
from api.serving.logs import write_log
from api.upload_slots import UploadSlots
from ingest.settings import load_settings


def create(upload_slots: UploadSlots | None = None) -> Flask:
    """Make the application from the settings of the environment; raises ConfigurationError.

    `upload_slots` as in `api.app.create_app`.
    """
    write_log()
    return create_app(load_settings(), upload_slots)
