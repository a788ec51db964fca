"""Operations besides the stages: housekeeping, retention, reconciliation, replacing the bundle of a job."""
