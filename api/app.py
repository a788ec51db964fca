"""The Flask application, made by `api.wsgi` in each process of the WSGI server, and by tests."""

from flask import Flask

from api import errors, receive, state
from api.resources import EXTENSION, Resources
from ingest.airflow_api import AirflowApi
from ingest.database import make_engine
from ingest.services import make_services
from ingest.settings import Settings

# As many threads as the server has may wait for a connection, but few ever hold one at the same moment.
DATABASE_CONNECTIONS = 10


def create_app(settings: Settings) -> Flask:
    """Make the application; nothing connects before the first request."""
    app = Flask("api", static_folder=None)
    engine = make_engine(settings, pool_size=DATABASE_CONNECTIONS)
    app.extensions[EXTENSION] = Resources(settings, engine, make_services(settings, engine), AirflowApi(settings))
    app.register_blueprint(receive.routes)
    app.register_blueprint(state.routes)
    errors.register(app)
    return app
