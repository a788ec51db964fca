"""Pacifica Ingest: the domain. What a job is, what its stages do, and what is recorded of it."""
