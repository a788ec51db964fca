"""The application: its routers and its errors. Created by `ingest.airflow_plugin`."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, StarletteHTTPException
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ingest.airflow_pages import (
    bundle_upload,
    error_pages,
    export,
    job,
    job_changes,
    job_list,
    selection,
    static_routes,
)
from ingest.errors.types import IngestError

URL_PREFIX = "/ingest-view"
# The selection first: `jobs/confirm` is not a job.
ROUTERS = (
    selection.router,
    job_list.router,
    export.router,
    job.router,
    job_changes.router,
    bundle_upload.router,
    static_routes.router,
)


def create_app() -> FastAPI:
    """Return the application; it connects to the database with the first request."""
    app = FastAPI(title="Pacifica Ingest: pages", docs_url=None, redoc_url=None, openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, error_pages.show_http_error)
    app.add_exception_handler(RequestValidationError, error_pages.show_invalid_request)
    app.add_exception_handler(IngestError, error_pages.show_ingest_error)
    for unavailable in (OperationalError, PoolTimeout):
        app.add_exception_handler(unavailable, error_pages.show_airflow_database_error)
    app.add_exception_handler(Exception, error_pages.show_unexpected_error)
    return app
