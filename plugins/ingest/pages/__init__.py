"""The web pages about jobs: view models, templates and static files, served inside Airflow and by the API.

Nothing here knows a web framework: a page is a function that reads the ledger and returns HTML (`rendering.render`). What
differs between the two places is a `Site`. Called by `ingest.airflow_pages` and by `api.routes.pages`.
"""
