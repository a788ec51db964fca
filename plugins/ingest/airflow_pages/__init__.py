"""The pages inside Airflow's UI: a FastAPI application that Airflow's api-server mounts at `/ingest-view`.

Registered by `ingest.airflow_plugin`. Airflow's login and permissions apply. The api-server has one worker, which also takes
the heartbeats of tasks: every endpoint is a plain function, which runs in a thread, and reads the ledger only.
"""
