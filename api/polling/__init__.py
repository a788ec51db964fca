"""Answer many polls with few reads of the ledger and of Airflow."""
