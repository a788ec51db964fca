"""Those that do the work: this service, the original, the floor of Airflow, and the machine with nothing in between."""
