"""Registers the pages in Airflow's UI: "Ingest" in the navigation, "Bundle" on each run and task, "Jobs" on each DAG.

Airflow loads this file in every process (`plugins/.airflowignore` excludes all others). Only the api-server reads
`fastapi_apps`, so no other process imports the application.
"""

from typing import Any, ClassVar
from urllib.parse import quote

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

PAGES = "ingest-view"
# The DAGs whose runs are jobs. Not imported from `ingest.states`, because every process of Airflow loads this file.
DAGS_OF_JOBS = ("ingest", "move")


class BundleLink(BaseOperatorLink):  # type: ignore[misc]
    """The link from a task to the tab of its job; Airflow shows it on every task."""

    name = "Bundle"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ANN401, ARG002 - the signature is Airflow's
        """Return the address of the tab, or "" for a task that belongs to no job."""
        if ti_key.dag_id not in DAGS_OF_JOBS:
            return ""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base}/dags/{ti_key.dag_id}/runs/{quote(ti_key.run_id)}/plugin/bundle"


class IngestPlugin(AirflowPlugin):  # type: ignore[misc]
    """The pages about jobs; the addresses are relative, because a proxy may publish Airflow below any path."""

    name = "pacifica_ingest"
    external_views: ClassVar[list[dict[str, Any]]] = [
        {"name": "Ingest", "href": f"{PAGES}/jobs", "destination": "nav", "url_route": "ingest", "nav_top_level": True},
        {"name": "Bundle", "href": f"{PAGES}/runs/{{RUN_ID}}", "destination": "dag_run", "url_route": "bundle"},
        {"name": "Jobs", "href": f"{PAGES}/dags/{{DAG_ID}}", "destination": "dag", "url_route": "jobs"},
    ]

    global_operator_extra_links: ClassVar[list[BaseOperatorLink]] = [BundleLink()]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The application, imported when it is needed."""
        from ingest.airflow_pages.app import URL_PREFIX, create_app  # noqa: PLC0415 - only the api-server needs it

        return [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "Pacifica Ingest"}]
