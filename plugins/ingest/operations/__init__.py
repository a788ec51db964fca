"""What runs beside the stages: housekeeping, retention, reconciliation, a new bundle for a job."""
