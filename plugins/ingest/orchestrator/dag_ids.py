"""The ids of the DAGs that work on no single job, and the tag of all DAGs of this service.

Used by the DAG files, and by `ingest.orchestrator.obstacles` to find them in Airflow. The id of the DAG of a job is its
`ingest.states.stages.Kind`.
"""

HOUSEKEEPING = "housekeeping"
RETENTION = "retention"
RECONCILE = "reconcile"
PERIODIC_DAGS = (HOUSEKEEPING, RETENTION, RECONCILE)
TAG = "pacifica"
