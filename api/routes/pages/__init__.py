"""The pages of the API in a browser, below `/ui/`: jobs, their details, and the upload form.

The pages themselves are made by `ingest.pages`, which Airflow's UI shows too. These modules add what belongs to the API:
addresses, roles, cookies, and errors as pages.
"""

from api.routes.pages import actions, bundle, export, jobs, root, selection, upload  # noqa: F401 - they register their routes
from api.routes.pages.answers import routes

__all__ = ["routes"]
