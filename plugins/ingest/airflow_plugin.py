"""Registers the pages in Airflow's UI: "Ingest" in the navigation, "Bundle" on each run, "Jobs" on each DAG.

Airflow loads this file in every process (`plugins/.airflowignore` excludes all others). Only the api-server reads
`fastapi_apps`, so no other process imports the application.
"""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

PAGES = "ingest-view"


class IngestPlugin(AirflowPlugin):  # type: ignore[misc]
    """The pages about jobs; the addresses are relative, because a proxy may publish Airflow below any path."""

    name = "pacifica_ingest"
    external_views: ClassVar[list[dict[str, Any]]] = [
        {"name": "Ingest", "href": f"{PAGES}/jobs", "destination": "nav", "url_route": "ingest", "nav_top_level": True},
        {"name": "Bundle", "href": f"{PAGES}/runs/{{RUN_ID}}", "destination": "dag_run", "url_route": "bundle"},
        {"name": "Jobs", "href": f"{PAGES}/dags/{{DAG_ID}}", "destination": "dag", "url_route": "jobs"},
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The application, imported when it is needed."""
        from ingest.airflow_pages.app import URL_PREFIX, create_app  # noqa: PLC0415 - only the api-server needs it

        return [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "Pacifica Ingest"}]
