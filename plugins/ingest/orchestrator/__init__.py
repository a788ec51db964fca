"""Everything that calls Airflow's REST API."""
